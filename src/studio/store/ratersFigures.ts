/** What is to be known of everybody who labelled. By itself, so that no statistics come before the first pair. */
import { type RatersFigures, ratersFigures as figuresOf } from '../../evaluation/raters.ts';
import { memoised, type Selector } from './memoised.ts';

export const ratersFigures: Selector<RatersFigures> = memoised([(state) => state.labels], figuresOf);
