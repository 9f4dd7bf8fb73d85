export interface Confirmed {
  row: string;
  arm: string;
  command: string;
  engine: string;
  comparisons: number;
  seed: number;
  figures: Record<string, string>;
}
export const plans: Record<string, { arm: string; pairs: number; by: string }>;
export function confirm(
  name: string,
  options: {
    winnow: (...args: string[]) => Promise<{ code: number; out: string; err: string }>;
    model: string;
    prompts: string;
    work: string;
    seed?: number;
    count?: number;
    /** Below 1 a dry run: few pairs and pictures, two steps. */
    scale?: number;
    /** Options of drawing, as ['--steps', '2']. */
    sampling?: readonly string[];
  },
): Promise<Confirmed>;
export function writeConfirmed(record: Confirmed, folder: string): void;
