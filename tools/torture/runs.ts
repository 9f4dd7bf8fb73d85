/** Runs that are killed at random moments while they are prepared, step, save, draw samples and end: half of them on the command line, half in the
 *  studio. Every one must go on to the bits of a run that nobody disturbed: weights, moments, samples, and every number but times. */
import { browserRuns } from './lib/browserRuns.ts';
import { commandLineRuns } from './lib/commandLineRuns.ts';
import { halves } from './lib/halves.ts';

export const fullCount = 200;

export const torture = halves(commandLineRuns, browserRuns);
