/** Random numbers that depend on a seed alone: fast, and as good as mutations need (mulberry32). */
export interface Random {
  /** [0, 1) */
  next(): number;
  /** An integer of [0, below). */
  int(below: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
}

/** @param parts what the stream is for: a seed, a name, a number of an input. */
export function random(...parts: (string | number)[]): Random {
  // FNV-1a over the parts.
  let state = 0x811c9dc5;
  for (const char of parts.join('\n')) state = Math.imul(state ^ char.codePointAt(0)!, 0x01000193);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (below: number): number => Math.floor(next() * below);
  return { next, int, chance: (probability) => next() < probability, pick: (from) => from[int(from.length)]! };
}
