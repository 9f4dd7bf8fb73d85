/** Two tortures as one: half of the rounds, and of the time, for each. */
import type { Torture } from './torture.ts';

export const halves =
  (first: Torture, second: Torture): Torture =>
  async ({ count, minutes, ...options }) => {
    const half = minutes === null ? null : minutes / 2;
    const one = await first({ ...options, count: Math.ceil(count / 2), minutes: half });
    if (count < 2) return one;
    const other = await second({ ...options, count: Math.floor(count / 2), minutes: half });
    const figures: Record<string, string | number> = { ...one.figures };
    for (const [name, value] of Object.entries(other.figures))
      figures[name] = typeof value === 'number' ? Number(figures[name] ?? 0) + value : value;
    return { done: one.done + other.done, failed: [...one.failed, ...other.failed], figures };
  };
