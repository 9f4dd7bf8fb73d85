/** What a next round asks about first (activeChoice.ts). */
export const choiceRules = ['doubt', 'disagreement', 'random'] as const;
export type ChoiceRule = (typeof choiceRules)[number];
