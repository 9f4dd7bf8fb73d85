/** How sure a share is: Wilson's interval, and the sign test. */

/** Two-sided 95 %. */
const Z95 = 1.959963984540054;

/** Wilson's score interval for a share of `successes` in `n` (E. B. Wilson, JASA 22, 1927). Halves count, so ties may; nothing known is [0, 1]. */
export function wilsonInterval(successes: number, n: number, z = Z95): [low: number, high: number] {
  if (n === 0) return [0, 1];
  const share = successes / n;
  const middle = (share + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
  const half = (z / (1 + z ** 2 / n)) * Math.sqrt((share * (1 - share)) / n + z ** 2 / (4 * n ** 2));
  // Of none and of all the bounds are 0 and 1, which rounding misses.
  return [successes === 0 ? 0 : Math.max(0, middle - half), successes === n ? 1 : Math.min(1, middle + half)];
}

/** Sign test: the chance of a split at least this uneven if neither side were better; two-sided, exact. Ties are left out. */
export function signTest(wins: number, losses: number): number {
  const n = wins + losses;
  const fewer = Math.min(wins, losses);
  // Sum of C(n, k) / 2^n for k up to `fewer`, each term from the one before, in logs: 2^-n alone is 0 beyond n = 1074.
  let logTerm = -n * Math.LN2;
  let tail = 0;
  for (let k = 0; k <= fewer; k++) {
    tail += Math.exp(logTerm);
    logTerm += Math.log(n - k) - Math.log(k + 1);
  }
  return Math.min(1, 2 * tail);
}
