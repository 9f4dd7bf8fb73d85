/** What a person was about to do, kept over a reload. */
import { drafts, readDocument, writeDocument } from './persisted.ts';
import { type Studio, useStudio } from './useStudio.ts';

const delayMs = 400;

export function restoreDrafts(): void {
  const { draft, trainConfig, presetName = null, ...rest } = readDocument(drafts);
  useStudio.setState((now) => ({
    ...rest,
    draft: { ...now.draft, ...draft },
    ...(trainConfig && { trainConfig, presetName }),
  }));
}

const names = [
  'draft',
  'trainConfig',
  'presetName',
  'kept',
  'comparePrompts',
  'compareSeeds',
  'compareSettings',
] as const satisfies readonly (keyof Studio)[];

const valuesOf = (studio: Studio) => {
  const { list: _list, model: _model, init: _init, against: _against, bestOf: _bestOf, ...draft } = studio.draft;
  const { trainConfig, presetName, kept, comparePrompts, compareSeeds, compareSettings } = studio;
  return { draft, trainConfig, presetName, kept, comparePrompts, compareSeeds, compareSettings };
};

export function keepDrafts(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const write = (): void => {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    writeDocument(drafts, valuesOf(useStudio.getState()));
  };
  useStudio.subscribe((now, before) => {
    if (names.every((name) => now[name] === before[name])) return;
    clearTimeout(timer);
    timer = setTimeout(write, delayMs);
  });
  // What was typed in the last moment, too.
  addEventListener('pagehide', write);
}
