/** How often a lost device is replaced without a hand: a driver that falls over again and again is not to be driven on for ever. */

export class Recoveries {
  static readonly most = 3;
  static readonly withinMs = 10 * 60_000;
  private readonly now: () => number;
  private given: number[] = [];

  /** @param now milliseconds, of any clock that does not run backwards. */
  constructor(now: () => number) {
    this.now = now;
  }

  /** Whether there may be one more, which is then counted. */
  take(): boolean {
    const now = this.now();
    this.given = this.given.filter((at) => now - at < Recoveries.withinMs);
    if (this.given.length >= Recoveries.most) return false;
    this.given.push(now);
    return true;
  }
}
