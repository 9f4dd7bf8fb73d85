/** A worker for tests under Node: real messages, real Comlink on both sides, and an end that can be made to come. */
import * as Comlink from 'comlink';

export class WorkerForTests extends EventTarget {
  static made: WorkerForTests[] = [];
  /** What the next worker exposes. */
  static verbs: Record<string, (...args: never[]) => unknown> = {};

  terminated = false;
  private readonly page: MessagePort;

  constructor() {
    super();
    const { port1, port2 } = new MessageChannel();
    this.page = port1;
    port1.addEventListener('message', ({ data }) => {
      if (!this.terminated) this.dispatchEvent(new MessageEvent('message', { data }));
    });
    port1.start();
    Comlink.expose(WorkerForTests.verbs, port2 as unknown as Comlink.Endpoint);
    WorkerForTests.made.push(this);
  }

  postMessage(message: unknown, transfer: Transferable[] = []): void {
    if (!this.terminated) this.page.postMessage(message, transfer);
  }

  terminate(): void {
    this.terminated = true;
    this.page.close();
  }
}

/** A promise from outside. */
export function deferred<Value>(): { promise: Promise<Value>; resolve: (value: Value) => void } {
  let resolve!: (value: Value) => void;
  const promise = new Promise<Value>((done) => (resolve = done));
  return { promise, resolve };
}
