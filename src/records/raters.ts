/** Who gave a label, by its `by`: `person` (whoever sits here), `person:NAME` (one of several, or one whose labels were brought with a name),
 *  `import` or `import:RATER` (came with a data set), else a judge: its name, and behind it the scale it went by if that is not its
 *  first (`a`, `a alignment`). */

export const raterKinds = ['person', 'import', 'judge'] as const;
export type RaterKind = (typeof raterKinds)[number];

export function raterKindOf(by: string): RaterKind {
  const kind = by.split(':', 1)[0];
  return kind === 'person' || kind === 'import' ? kind : 'judge';
}

/** As people know them: `NAME`, `RATER`, the judge; '' for whoever has no name. */
export const raterNameOf = (by: string): string =>
  raterKindOf(by) === 'judge' ? by : by.slice(by.indexOf(':') + 1 || by.length);

/** Whoever sits here and has given no name. */
export const UNNAMED = 'person';

/** `by` of a person's name. */
export const personNamed = (name: string): string => `${UNNAMED}:${name}`;
