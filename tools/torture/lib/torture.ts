/** What every torture of this folder is: `tools/torture/NAME.ts` exports `torture`, and `fullCount`, the count that it is held to. */

export interface TortureOptions {
  /** Rounds to be done: kills, losses, mutated files. */
  count: number;
  /** The same seed makes the same choices. */
  seed: number;
  /** Stop after so many minutes, whatever the count; null: never. */
  minutes: number | null;
  log(line: string): void;
}

export interface TortureResult {
  /** Rounds that were done. */
  done: number;
  /** One line for each failure: what was found, and what makes it again. */
  failed: string[];
  /** What else was counted or measured, by name. */
  figures: Record<string, string | number>;
}

export type Torture = (options: TortureOptions) => Promise<TortureResult>;

export interface TortureModule {
  torture: Torture;
  fullCount?: number;
}

/** Whether the time that a torture was given is over. */
export function timeLimit(minutes: number | null): () => boolean {
  const start = performance.now();
  return () => minutes !== null && performance.now() - start > minutes * 60_000;
}
