/** Events and answers of a worker travel on different ports. */

type Verb = (...args: unknown[]) => unknown;

/** The same verb, which settles only once whoever listens has taken every event of it: none comes after its end. Listeners give a promise, as
 *  Comlink's do. */
export const afterEvents =
  (verb: Verb) =>
  async (...args: unknown[]): Promise<unknown> => {
    const underway = new Set<Promise<unknown>>();
    const counted = (listener: Verb) => (event: unknown) => {
      const taken = Promise.resolve(listener(event)).finally(() => underway.delete(taken));
      underway.add(taken);
    };
    try {
      return await verb(...args.map((arg) => (typeof arg === 'function' ? counted(arg as Verb) : arg)));
    } finally {
      await Promise.allSettled(underway);
    }
  };
