/** An executor for tests: it computes as another one does, counts what is alive, and refuses the call that it is told to. */
import { assert } from '../shared/assert.ts';
import '../shared/disposable.ts';
import { WinnowError } from '../shared/errors.ts';
import type { Executor, Program, Storage } from './executor.ts';
import { bytesPerElement } from './graph.ts';

export interface CountingExecutor extends Executor {
  /** Labels of the storages and programs that are alive. */
  readonly live: readonly string[];
  /** Elements of the live storages, in bytes. */
  readonly liveBytes: number;
  /** Calls so far, of the executor and of what it made. */
  readonly calls: number;
  /** Refuses the n-th call from now on, and no other; Infinity refuses none. */
  refuse(n: number): void;
}

/** What a refused call throws. */
export const refusal = (): WinnowError =>
  new WinnowError('GpuError', 'The GPU refused a call.', 'Try again: this was a test.');

export function countingExecutor(inner: Executor, refused: () => Error = refusal): CountingExecutor {
  const live = new Map<object, string>();
  const storages = new Map<Storage, Storage>();
  let calls = 0;
  let refuseAt = Infinity;
  const call = (): void => {
    if (++calls === refuseAt) throw refused();
  };
  const leave = (object: object, label: string): void => assert(live.delete(object), `${label} was freed twice`);
  const use = (object: object, label: string): void => {
    assert(live.has(object), `${label} was used after it was freed`);
    call();
  };

  function storage(...[label, elements, dtype]: Parameters<Executor['storage']>): Storage {
    call();
    const own = inner.storage(label, elements, dtype);
    const counted: Storage = {
      label,
      elements: own.elements,
      dtype: own.dtype,
      write(...args) {
        use(counted, label);
        own.write(...args);
      },
      async read(...args) {
        use(counted, label);
        return own.read(...args);
      },
      [Symbol.dispose]() {
        leave(counted, label);
        own[Symbol.dispose]();
      },
    };
    live.set(counted, label);
    storages.set(counted, own);
    return counted;
  }

  return {
    kind: inner.kind,
    storage,
    plan: (...args) => inner.plan(...args),
    async compile(graph, { bindings = new Map(), label = 'program' } = {}) {
      call();
      for (const bound of bindings.values()) assert(live.has(bound), `${bound.label} was bound after it was freed`);
      const own = await inner.compile(graph, {
        label,
        bindings: new Map([...bindings].map(([value, bound]) => [value, storages.get(bound)!])),
      });
      const asked = <T>(work: () => T): T => {
        use(counted, label);
        for (const bound of bindings.values()) assert(live.has(bound), `${bound.label} was freed under ${label}`);
        return work();
      };
      const counted: Program = {
        graph,
        memory: own.memory,
        dispatchCount: own.dispatchCount,
        write: (...args) => asked(() => own.write(...args)),
        run: async () => asked(() => own.run()),
        runAndRead: async (values) => asked(() => own.runAndRead(values)),
        read: async (value) => asked(() => own.read(value)),
        [Symbol.dispose]() {
          leave(counted, label);
          own[Symbol.dispose]();
        },
      };
      live.set(counted, label);
      return counted;
    },
    get live() {
      return [...live.values()];
    },
    get liveBytes() {
      return [...live.keys()]
        .flatMap((object) => (storages.has(object as Storage) ? [object as Storage] : []))
        .reduce((sum, { elements, dtype }) => sum + elements * bytesPerElement[dtype], 0);
    },
    get calls() {
      return calls;
    },
    refuse(n) {
      refuseAt = calls + n;
    },
  };
}

/** Runs something once for every call that it makes, refusing that one, and then once unrefused: what each refusal leaves alive, and what it
 *  says. `after` is called behind each refusal. */
export async function refusedAtEveryCall<T>(
  executor: CountingExecutor,
  work: () => Promise<T>,
  after: (error: unknown, call: number) => void,
): Promise<T> {
  for (let n = 1; ; n++) {
    executor.refuse(n);
    const before = executor.calls;
    try {
      const result = await work();
      // One that goes on without what was refused has to be asked by other means.
      assert(executor.calls - before < n, `call ${n} was refused, and nothing came of it`);
      return result;
    } catch (error) {
      after(error, n);
    } finally {
      executor.refuse(Infinity);
    }
  }
}
