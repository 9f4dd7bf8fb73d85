/** What the answers of a blind test or a study say, question by question. */
import type { BlindTestRecord, Question } from '../data/blindTests.ts';
import { betweenOf } from '../records/blindTests.ts';
import { outcomeForB } from './blindPlan.ts';
import { duelFigures, type DuelFigures, type Judged } from './duels.ts';

/** The models of a test by their places in rounds. */
export const modelsOf = ({ a, b, others = [] }: BlindTestRecord): BlindTestRecord['a'][] => [a, b, ...others];

export interface BlindFigures extends DuelFigures {
  question: Question;
  /** Rounds in which it was answered. */
  answered: number;
}

export function blindFigures(test: BlindTestRecord): BlindFigures[] {
  return test.questions.map((question) => {
    const judged = test.rounds.flatMap((round) => {
      const [a, b] = betweenOf(round);
      return round.answers
        .filter((one) => one.question === question)
        .map(({ answer }): Judged => ({
          a,
          b,
          outcome: outcomeForB(round.shownLeft, answer),
          prompt: round.prompt,
          category: round.category,
        }));
    });
    return { question, answered: judged.length, ...duelFigures(modelsOf(test).length, judged) };
  });
}
