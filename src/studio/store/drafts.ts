/** What a person was about to do, kept over a reload: the prompt and its settings, the next run's settings, what is compared. */
import { checkTrainConfig } from '../../data/formats/trainConfig.ts';
import { type BaseSettings, baseSettings } from './generateSlice.ts';
import type { KeptForModel } from './modelsSlice.ts';
import { useStudio } from './useStudio.ts';

const key = 'winnow.drafts';
const delayMs = 400;

export function restoreDrafts(): void {
  let stored: Record<string, unknown>;
  try {
    stored = JSON.parse(localStorage.getItem(key) ?? '{}') as Record<string, unknown>;
  } catch {
    return;
  }
  const { draft } = useStudio.getState();
  if (stored['draft'] && typeof stored['draft'] === 'object') {
    // Models and start images may be gone by now; the rest must still be of its kind.
    const known = Object.entries(stored['draft']).filter(
      ([name, value]) =>
        name in draft &&
        ['string', 'number', 'boolean'].includes(typeof value) &&
        typeof value === typeof draft[name as keyof typeof draft],
    );
    useStudio.setState({ draft: { ...draft, ...Object.fromEntries(known) } });
  }
  try {
    useStudio.setState({
      trainConfig: checkTrainConfig(stored['trainConfig']),
      presetName: typeof stored['presetName'] === 'string' ? stored['presetName'] : null,
    });
  } catch {
    // Of an older version: the preset stays.
  }
  if (stored['kept'] && typeof stored['kept'] === 'object') {
    const sound = Object.entries(stored['kept']).flatMap(([id, one]) => {
      const kept = readKept(one);
      return kept ? [[id, kept] as const] : [];
    });
    useStudio.setState({ kept: Object.fromEntries(sound) });
  }
  const { comparePrompts, compareSeeds } = stored;
  if (Array.isArray(comparePrompts) && comparePrompts.every((prompt) => typeof prompt === 'string'))
    useStudio.setState({ comparePrompts });
  if (Array.isArray(compareSeeds) && compareSeeds.length && compareSeeds.every(Number.isInteger))
    useStudio.setState({ compareSeeds });
}

/** Settings that drafts of before do not have. */
const added: Partial<BaseSettings> = { eta: 0 };

/** What was kept for a model, completed; undefined where something is missing or of another kind. */
function readKept(value: unknown): KeptForModel | undefined {
  const kept = (value ?? {}) as Partial<KeptForModel>;
  const settings = { ...added, ...kept.settings } as BaseSettings;
  const { draft } = useStudio.getState();
  const sound = Object.entries(baseSettings(draft)).every(
    ([name, now]) => typeof settings[name as keyof BaseSettings] === typeof now,
  );
  if (!sound) return undefined;
  try {
    return { settings, trainConfig: checkTrainConfig(kept.trainConfig), presetName: kept.presetName ?? null };
  } catch {
    return undefined;
  }
}

export function keepDrafts(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  useStudio.subscribe((now, before) => {
    const same =
      now.draft === before.draft &&
      now.trainConfig === before.trainConfig &&
      now.kept === before.kept &&
      now.comparePrompts === before.comparePrompts &&
      now.compareSeeds === before.compareSeeds;
    if (same) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const { draft, trainConfig, presetName, kept, comparePrompts, compareSeeds } = useStudio.getState();
      try {
        localStorage.setItem(
          key,
          JSON.stringify({ draft, trainConfig, presetName, kept, comparePrompts, compareSeeds }),
        );
      } catch {
        // Private browsing may refuse; the drafts then last for this visit.
      }
    }, delayMs);
  });
}
