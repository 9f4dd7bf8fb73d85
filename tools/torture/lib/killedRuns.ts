/** What runs of the studio and of the command line have in common when they are killed and resumed until they are through, and compared with
 *  one of their kind that nobody disturbed. */
import type { TrainConfig } from '../../../src/training/config.ts';
import { differences, digest, type Phase, phases, type RunFiles } from './smallRun.ts';
import { timeLimit, type TortureOptions, type TortureResult } from './torture.ts';

export const KILLS_OF_A_RUN = 5;

/** Nothing works: it is not to be tried for ever. */
const MAX_FAILURES = 20;

export interface KilledCase {
  name: string;
  config: TrainConfig;
  /** What an undisturbed run came to. */
  wanted?: Record<string, string>;
}

export class KilledRuns<Case extends KilledCase> {
  done = 0;
  runs = 0;
  /** Runs that were killed before there was anything to go on with. */
  begun = 0;
  private readonly killed = Object.fromEntries(phases.map((phase) => [phase, 0])) as Record<Phase, number>;
  private readonly failed: string[] = [];
  private readonly options: TortureOptions;
  private readonly over: () => boolean;

  constructor(options: TortureOptions) {
    this.options = options;
    this.over = timeLimit(options.minutes);
  }

  /** Whether the run at work is to be killed once more, this being kill number `kills` of it. */
  goesOn(kills: number): boolean {
    return kills < KILLS_OF_A_RUN && this.done < this.options.count && !this.over();
  }

  phase(kills: number): Phase {
    return phases[(this.done + kills) % phases.length]!;
  }

  /** What a kill met, as it was found afterwards. */
  met(phase: Phase, left: boolean): void {
    this.killed[phase] += 1;
    if (!left) this.begun += 1;
  }

  compare({ name, wanted }: Case, files: RunFiles, id: string, said: readonly Phase[]): void {
    const other = differences(digest(files, id), wanted!);
    const killed = `${name}, killed at ${said.join(', ')}`;
    if (other.length > 0) this.failed.push(`${killed}: ${other.join('; ')}`);
    this.options.log(`${this.done} kills, ${this.runs} runs; ${killed}: ${other.length > 0 ? 'DIFFERS' : 'same bits'}`);
  }

  /** @param undisturbed sets what the case is to come to.
   *  @param disturbed kills one run and compares it. */
  async goThrough(
    cases: readonly Case[],
    what: string,
    undisturbed: (one: Case) => Promise<void>,
    disturbed: (one: Case) => Promise<void>,
  ): Promise<TortureResult> {
    const { count, seed } = this.options;
    for (let i = 0; this.done < count && !this.over() && this.failed.length <= MAX_FAILURES; i++) {
      const one = cases[i % cases.length]!;
      try {
        if (!one.wanted) await undisturbed(one);
        this.runs += 1;
        await disturbed(one);
      } catch (error) {
        this.failed.push(
          `${one.name}, run ${this.runs} (seed ${seed}): ${error instanceof Error ? error.message : String(error)}`,
        );
        this.done += 1;
      }
    }
    return {
      done: this.done,
      failed: this.failed,
      figures: {
        [what]: this.runs,
        'begun again from nothing': this.begun,
        ...Object.fromEntries(phases.map((phase) => [`killed at ${phase}`, this.killed[phase]])),
      },
    };
  }
}
