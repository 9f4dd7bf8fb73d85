/** What was made of models and is costly to make again: predictors, a large model's tensors, frozen parts, scorers. It is kept by its bytes,
 *  not by its number: before the next one is made, what nobody uses is let go, the least recently used first, until there is room for it. */
import '../../shared/disposable.ts';
import { isWinnowError } from '../../shared/errors.ts';

const GIB = 2 ** 30;

/** How much may lie about unused. No browser says how much memory a GPU has: its largest buffer grows with it, and more than half of the
 *  computer's own memory (in bytes, where it is known) is never kept. */
export function cacheBudget(maxBufferSize: number, memory?: number): number {
  return Math.min(2 * maxBufferSize, (memory ?? Infinity) / 2, 8 * GIB);
}

/** A device that has not enough for a run and a large model beside it may not refuse, but grow slow. */
const BESIDE_RESERVED = 128 * 2 ** 20;

export interface Name {
  key: string;
  /** Id of the model's folder: it goes when the model is deleted. */
  model: string;
  /** Of the weights, for what is made of one set of them (`hold`). */
  hash?: string;
  /** What is only there for others of the cache goes with the last of them. */
  onlyWhileUsed?: boolean;
}

/** What something will take, before any of it is taken. */
export interface Planned<T> {
  bytes: number;
  /** Whether it lies on the GPU, and not in onnxruntime's own memory. */
  onDevice: boolean;
  /** Leaves nothing behind where it rejects. */
  make(): Promise<T>;
}

interface Entry extends Name {
  bytes: number;
  onDevice: boolean;
  users: number;
  /** No longer the cache's: let go by its last user. */
  gone: boolean;
  value: Promise<Disposable | AsyncDisposable>;
}

/** The use of a thing, until this is disposed of. */
export interface Lease<T> extends AsyncDisposable {
  readonly value: T;
}

export class ModelCache implements AsyncDisposable {
  readonly budget: number;
  /** The least recently used first. */
  private readonly entries = new Map<string, Entry>();
  private readonly holds = new Map<string, number>();
  private reserved = 0;
  /** Disposed of: what is made all the same is let go by its last user. */
  private over = false;

  constructor(budget = Infinity) {
    this.budget = budget;
  }

  /** Bytes of all that is kept. */
  get bytes(): number {
    return this.sum(() => true);
  }

  /** The thing of this name, made if it is not there, with room. `plan` may itself use what the thing is made of. */
  async use<T extends Disposable | AsyncDisposable>(
    name: Name,
    plan: () => Promise<Planned<T>> | Planned<T>,
  ): Promise<Lease<T>> {
    const known = this.entries.get(name.key);
    const entry: Entry = known ?? {
      ...name,
      bytes: 0,
      onDevice: false,
      users: 0,
      gone: this.over,
      value: Promise.resolve().then(() => this.made(entry, plan)),
    };
    entry.users++;
    this.entries.delete(name.key);
    if (!this.over) this.entries.set(name.key, entry);
    try {
      const value = (await entry.value) as T;
      let used = true;
      return {
        value,
        [Symbol.asyncDispose]: async () => {
          if (!used) return;
          used = false;
          await this.leave(entry);
        },
      };
    } catch (error) {
      if (this.entries.get(name.key) === entry) this.entries.delete(name.key);
      throw error;
    }
  }

  private async made<T extends Disposable | AsyncDisposable>(
    entry: Entry,
    plan: () => Promise<Planned<T>> | Planned<T>,
  ): Promise<T> {
    const { bytes, onDevice, make } = await plan();
    Object.assign(entry, { bytes, onDevice });
    await this.shrink(this.budget);
    return this.withRoom(make);
  }

  /** Makes something. Where the GPU refuses, and something else lies about unused, that is let go and it is tried once more. */
  async withRoom<T>(make: () => Promise<T>): Promise<T> {
    try {
      return await make();
    } catch (error) {
      if (!isWinnowError(error, 'OutOfGpuMemory') || !(await this.shrink(-Infinity, true))) throw error;
      return make();
    }
  }

  private async leave(entry: Entry): Promise<void> {
    if (--entry.users > 0) return;
    if (entry.gone) await dispose(entry);
    else if (entry.onlyWhileUsed) await this.letGo(({ key }) => key === entry.key);
  }

  /** Keeps what is made of one set of weights between two uses, whatever else is made, until this is disposed of. */
  hold(hash: string): Disposable {
    this.holds.set(hash, (this.holds.get(hash) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        const left = this.holds.get(hash)! - 1;
        if (left > 0) this.holds.set(hash, left);
        else this.holds.delete(hash);
      },
    };
  }

  /** Room for something that is not the cache's, until this is disposed of: what is unused goes for it, even what is held, but for a little.
   *  What is made while it is there may stay. */
  async reserve(bytes: number): Promise<Disposable> {
    this.reserved += bytes;
    await this.shrink(Math.min(this.budget, this.reserved + BESIDE_RESERVED), true);
    let mine = bytes;
    return {
      [Symbol.dispose]: () => {
        this.reserved -= mine;
        mine = 0;
      },
    };
  }

  /** Bytes on the GPU that may stay beside something that takes `bytes`, things of `model` not counted. */
  beside(bytes: number, model?: string): number {
    return Math.min(
      this.sum((entry) => entry.onDevice && entry.model !== model),
      Math.max(0, this.budget - this.reserved - bytes),
    );
  }

  /** Likewise, beside something that has reserved its room. */
  besideReserved(bytes: number): number {
    return Math.min(this.beside(bytes), BESIDE_RESERVED);
  }

  /** Lets go what answers: now, or when its last user leaves. */
  async letGo(which: (name: Name) => boolean): Promise<void> {
    for (const entry of [...this.entries.values()].filter(which)) {
      this.entries.delete(entry.key);
      entry.gone = true;
      if (entry.users === 0) await dispose(entry);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.over = true;
    return this.letGo(() => true);
  }

  /** Down to so many bytes, or until all is in use; whether anything was let go. */
  private async shrink(most: number, evenHeld = false): Promise<boolean> {
    let any = false;
    while (this.bytes + this.reserved > most) {
      const idle = [...this.entries.values()].find(
        ({ users, hash }) => users === 0 && (evenHeld || hash === undefined || !this.holds.has(hash)),
      );
      if (!idle) break;
      await this.letGo(({ key }) => key === idle.key);
      any = true;
    }
    return any;
  }

  private sum(which: (entry: Entry) => boolean): number {
    return [...this.entries.values()].filter(which).reduce((sum, { bytes }) => sum + bytes, 0);
  }
}

async function dispose({ value }: Entry): Promise<void> {
  await using stack = new AsyncDisposableStack();
  // One that could not be made has left nothing.
  stack.use(await value.catch(() => null));
}
