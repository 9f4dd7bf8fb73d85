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

const valuesOf = ({ draft, trainConfig, presetName, kept, comparePrompts, compareSeeds }: Studio) => {
  const { list: _list, model: _model, init: _init, against: _against, bestOf: _bestOf, ...own } = draft;
  return { draft: own, trainConfig, presetName, kept, comparePrompts, compareSeeds };
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
    const same =
      now.draft === before.draft &&
      now.trainConfig === before.trainConfig &&
      now.kept === before.kept &&
      now.comparePrompts === before.comparePrompts &&
      now.compareSeeds === before.compareSeeds;
    if (same) return;
    clearTimeout(timer);
    timer = setTimeout(write, delayMs);
  });
  // What was typed in the last moment, too.
  addEventListener('pagehide', write);
}
