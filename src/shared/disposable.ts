/** What `using` stands on, where the language does not have it yet: `Symbol.dispose` and `Symbol.asyncDispose` (Safari), the two stacks (Safari,
 *  Node before 24). Whoever disposes or can be disposed of imports this file, so that the names are there before a class is made with them. */

function define(name: 'dispose' | 'asyncDispose'): void {
  if (!Symbol[name]) Object.defineProperty(Symbol, name, { value: Symbol.for(`Symbol.${name}`) });
}
define('dispose');
define('asyncDispose');

type Disposer = () => unknown;

/** Disposers in the order in which they were added, until they have run or moved on. */
class Disposers {
  private waiting: Disposer[] | undefined = [];

  get gone(): boolean {
    return this.waiting === undefined;
  }

  add(disposer: Disposer): void {
    if (!this.waiting) throw new ReferenceError('The stack has been disposed of.');
    this.waiting.push(disposer);
  }

  /** The last added first. */
  take(): Disposer[] {
    const taken = (this.waiting ?? []).toReversed();
    this.waiting = undefined;
    return taken;
  }

  move(to: { add(disposer: Disposer): void }): void {
    if (!this.waiting) throw new ReferenceError('The stack has been disposed of.');
    for (const disposer of this.take().toReversed()) to.add(disposer);
  }
}

/** The language's, but that of several errors the first is thrown alone. */
export class SyncStack implements DisposableStack {
  readonly [Symbol.toStringTag] = 'DisposableStack';
  private readonly disposers = new Disposers();

  get disposed(): boolean {
    return this.disposers.gone;
  }

  use<T extends Disposable | null | undefined>(value: T): T {
    if (value) this.disposers.add(() => value[Symbol.dispose]());
    return value;
  }

  adopt<T>(value: T, onDispose: (value: T) => void): T {
    this.disposers.add(() => onDispose(value));
    return value;
  }

  defer(onDispose: () => void): void {
    this.disposers.add(onDispose);
  }

  move(): SyncStack {
    const moved = new SyncStack();
    this.disposers.move(moved.disposers);
    return moved;
  }

  dispose(): void {
    const errors: unknown[] = [];
    for (const disposer of this.disposers.take()) {
      try {
        disposer();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The language's, but that of several errors the first is thrown alone. */
export class AsyncStack implements AsyncDisposableStack {
  readonly [Symbol.toStringTag] = 'AsyncDisposableStack';
  private readonly disposers = new Disposers();

  get disposed(): boolean {
    return this.disposers.gone;
  }

  use<T extends AsyncDisposable | Disposable | null | undefined>(value: T): T {
    if (value) {
      this.disposers.add(() =>
        Symbol.asyncDispose in value ? value[Symbol.asyncDispose]() : (value as Disposable)[Symbol.dispose](),
      );
    }
    return value;
  }

  adopt<T>(value: T, onDisposeAsync: (value: T) => PromiseLike<void> | void): T {
    this.disposers.add(() => onDisposeAsync(value));
    return value;
  }

  defer(onDisposeAsync: () => PromiseLike<void> | void): void {
    this.disposers.add(onDisposeAsync);
  }

  move(): AsyncStack {
    const moved = new AsyncStack();
    this.disposers.move(moved.disposers);
    return moved;
  }

  async disposeAsync(): Promise<void> {
    const errors: unknown[] = [];
    for (const disposer of this.disposers.take()) {
      try {
        await disposer();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.disposeAsync();
  }
}

globalThis.DisposableStack ??= SyncStack;
globalThis.AsyncDisposableStack ??= AsyncStack;

/** What all of these make; where one rejects, nothing: the others are disposed of. */
export async function allOrNone<T extends Disposable>(making: readonly Promise<T>[]): Promise<T[]> {
  using made = new DisposableStack();
  const settled = await Promise.allSettled(making);
  for (const result of settled) if (result.status === 'fulfilled') made.use(result.value);
  const all = settled.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
  made.move();
  return all;
}
