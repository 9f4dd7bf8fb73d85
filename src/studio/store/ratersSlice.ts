/** Who judges here: profiles, and whose labels the lists go by. A profile is a name and a colour in this browser; labels name their rater
 *  themselves, and stay when a profile goes. */
import { i18n, type I18n } from '@lingui/core';
import { t } from '@lingui/core/macro';
import { personNamed, raterKindOf, raterNameOf, UNNAMED } from '../../records/raters.ts';
import { WinnowError } from '../../shared/errors.ts';
import { putDurably } from '../../data/db.ts';
import type { LabelEvent } from '../../records/labels.ts';
import { distinctBy } from '../../shared/arrays.ts';
import { checkOwner } from './action.ts';
import { readAs } from './broughtFile.ts';
import { memoised, type Selector } from './memoised.ts';
import { type RaterColour, raterColours } from './persisted.ts';
import { db } from './services.ts';
import type { Slice, Studio } from './useStudio.ts';

export interface Profile {
  /** As labels name them. */
  by: string;
  /** For people: `Me` where none was given. */
  name: string;
  colour: RaterColour;
}

/** mine: of who judges now; all: what everybody's labels come to. */
export type Whose = 'mine' | 'all';

export interface RatersSlice {
  whose: Whose;
  setWhose(whose: Whose): void;
  /** Who judges from now on. */
  setRater(by: string): void;
  nextRater(): void;
  /** A profile of that name, who judges from now on. Throws BadArguments for none, a long one, or one that is there. */
  addRater(name: string): void;
  setRaterColour(by: string, colour: RaterColour): void;
  /** The profile alone: labels stay. */
  removeRater(by: string): void;
  /** Labels that somebody gave elsewhere to pairs that are here. Whoever gave no name goes by the file's. Rejects with what is wrong with it.
   *  @returns ofOthers: labels about other pairs, which are left out. */
  addLabels(file: File): Promise<{ added: number; ofOthers: number; notes: string[] }>;
}

const unnamed = (language: I18n): string =>
  t(language)({ message: 'Me', comment: 'who judges here and has given no name' });

/** The one without a name first. */
export const profiles: Selector<Profile[]> = memoised(
  [(state) => state.preferences.raters, () => i18n.locale],
  (raters, _language) => [
    { by: UNNAMED, name: unnamed(i18n), colour: raterColours[0] },
    ...raters.map(({ name, colour }) => ({ by: personNamed(name), name, colour })),
  ],
);

/** Who judges now. */
export const currentRater = (state: Studio): Profile => {
  const all = profiles(state);
  return all.find(({ by }) => by === state.preferences.rater) ?? all[0]!;
};

/** For people, whoever gave a label. */
export const raterTitle = (by: string): string => raterTitleIn(i18n, by);

export function raterTitleIn(language: I18n, by: string): string {
  const name = raterNameOf(by);
  const kind = raterKindOf(by);
  if (kind === 'person') return name || unnamed(language);
  if (kind === 'import') return name ? t(language)`${name} (came with the data)` : t(language)`Came with the data`;
  return t(language)({ message: `Judge ${name}`, comment: 'a model that judges' });
}

export const ratersSlice: Slice<RatersSlice> = (set, get) => ({
  whose: 'mine',

  setWhose(whose) {
    set({ whose });
    get().settleShowing();
  },

  setRater(by) {
    get().setPreference('rater', by);
    // Another list, another draw of the sides; nobody answers what somebody else was shown.
    get().setFilter(get().filter);
  },

  nextRater() {
    const all = profiles(get());
    const at = all.findIndex(({ by }) => by === currentRater(get()).by);
    get().setRater(all[(at + 1) % all.length]!.by);
  },

  addRater(given) {
    const name = given.trim();
    const { raters } = get().preferences;
    if (!name || name.length > 40)
      throw new WinnowError('BadArguments', t`That is no name for a rater.`, t`Give one of 1 to 40 characters.`);
    const taken = profiles(get()).some((one) => one.name.toLowerCase() === name.toLowerCase());
    if (taken) throw new WinnowError('BadArguments', t`${name} judges here already.`, t`Choose another name.`);
    const colour = raterColours[(raters.length + 1) % raterColours.length]!;
    get().setPreference('raters', [...raters, { name, colour }]);
    get().setRater(personNamed(name));
  },

  setRaterColour(by, colour) {
    get().setPreference(
      'raters',
      get().preferences.raters.map((one) => (personNamed(one.name) === by ? { ...one, colour } : one)),
    );
  },

  removeRater(by) {
    const wasCurrent = currentRater(get()).by === by;
    get().setPreference(
      'raters',
      get().preferences.raters.filter(({ name }) => personNamed(name) !== by),
    );
    if (wasCurrent) get().setRater(UNNAMED);
  },

  async addLabels(file) {
    checkOwner(get(), t`Bring them there, or take over here.`);
    const { events, notes } = await readAs(file, 'labels');
    const here = new Set(get().labelEvents.map(({ id }) => id));
    const pairs = new Set(get().pairs.map(({ id }) => id));
    // A copy of what was given here is one's own.
    const own = events.some(({ id }) => here.has(id));
    const name = personNamed(file.name.replace(/\.jsonl$/i, '').slice(0, 40));
    const named = (event: LabelEvent): LabelEvent =>
      event.type === 'label' && event.by === UNNAMED && !own ? { ...event, by: name } : event;
    const fitting = distinctBy(events, ({ id }) => id).filter(
      (event) => event.type === 'retract' || pairs.has(event.pair),
    );
    const added = fitting.filter(({ id }) => !here.has(id)).map(named);
    const ofOthers = events.filter((event) => event.type === 'label' && !pairs.has(event.pair)).length;
    if (added.some(({ type }) => type === 'label')) await putDurably(await db(), 'labels', added);
    await get().readStored();
    return { added: added.length, ofOthers, notes };
  },
});
