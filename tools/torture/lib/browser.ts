/** A real Chromium on a profile of its own, to be killed: started without anybody between, so that its start costs little, and told what to do
 *  through its debugging pipe. */
import type { Readable, Writable } from 'node:stream';
import { browserArgs, findBrowser } from '../../browser.mjs';
import { Killable } from './processes.ts';

/** Switches of a browser without a GPU, and of one with it (SwiftShader where there is none). */
export const switches = {
  noGpu: ['--no-sandbox', '--disable-gpu', '--disable-features=Vulkan,WebGPU', '--disable-background-networking'],
  gpu: browserArgs(),
};

const common = [
  '--headless',
  '--no-first-run',
  '--no-zygote',
  '--disable-extensions',
  '--disable-component-update',
  '--disable-sync',
  '--disable-breakpad',
  '--disable-crash-reporter',
];

let found: string | undefined;
const browserPath = (): string => (found ??= findBrowser({ log: () => {} }));

/** The process alone; `--remote-debugging-port` or `-pipe` is the caller's. */
export function startBrowser(profile: string, args: readonly string[], pipe = false): Killable {
  return new Killable(browserPath(), [...common, ...args, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: pipe ? ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] : ['ignore', 'ignore', 'pipe'],
  });
}

const PATIENCE_MS = 10 * 60_000;

type Attached = { sessionId: string; targetInfo: { type: string } };
type Message = {
  id?: number;
  sessionId?: string;
  method?: string;
  params?: unknown;
  result?: unknown;
  error?: { message: string };
};

/** One page of a browser, through the DevTools protocol. Whatever waits for a browser that ended is rejected. */
export class PipedPage {
  readonly process: Killable;
  private readonly input: Writable;
  private readonly waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  private readonly heard = new Map<string, (params: never, session: string) => void>();
  /** Of the last worker that was started. */
  worker: string | undefined;
  private session: string | undefined;
  private lastId = 0;

  private constructor(process: Killable) {
    this.process = process;
    this.input = process.child.stdio[3] as Writable;
    this.input.on('error', () => {});
    const output = process.child.stdio[4] as Readable;
    output.on('error', () => {});
    let rest = Buffer.alloc(0);
    output.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let end; (end = rest.indexOf(0)) >= 0; rest = rest.subarray(end + 1))
        this.take(JSON.parse(rest.subarray(0, end).toString()) as Message);
    });
    void process.ended.then(() => {
      for (const { reject } of this.waiting.values()) reject(new Error('the browser ended'));
      this.waiting.clear();
    });
  }

  /** @param report called in the page as `window.report(text)` gives what `onReport` hears. */
  static async open(
    profile: string,
    args: readonly string[],
    script: string,
    onReport: (text: string) => void,
  ): Promise<PipedPage> {
    const page = new PipedPage(startBrowser(profile, [...args, '--remote-debugging-pipe'], true));
    const { targetInfos } = await page.send<{ targetInfos: { type: string; targetId: string }[] }>('Target.getTargets');
    const { targetId } = targetInfos.find(({ type }) => type === 'page')!;
    const { sessionId } = await page.send<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true });
    page.session = sessionId;
    page.heard.set('Runtime.bindingCalled', ({ payload }: { payload: string }) => onReport(payload));
    await Promise.all([
      page.send('Runtime.enable'),
      page.send('Page.enable'),
      page.send('Runtime.addBinding', { name: 'report' }),
      page.send('Page.addScriptToEvaluateOnNewDocument', { source: script }),
    ]);
    return page;
  }

  send<T>(method: string, params: object = {}, session = this.session): Promise<T> {
    const id = ++this.lastId;
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      const message = { id, method, params, ...(session !== undefined && { sessionId: session }) };
      this.input.write(`${JSON.stringify(message)}\0`);
    });
  }

  goto(url: string): Promise<unknown> {
    return this.send('Page.navigate', { url });
  }

  /** What an expression, or the promise that it gives, comes to. */
  async evaluate<T>(expression: string, session = this.session): Promise<T> {
    const { result, exceptionDetails } = await this.send<{
      result: { value: T };
      exceptionDetails?: { exception?: { description?: string } };
    }>('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true, userGesture: true }, session);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? 'the page threw');
    return result.value;
  }

  /** Resolves with what an expression comes to once that is something; rejects where the browser ends, or where that takes too
   *  long. */
  async until<T>(expression: string, patienceMs = PATIENCE_MS): Promise<T> {
    const start = performance.now();
    for (;;) {
      // Between two pages there is none to ask.
      const value = await this.evaluate<T | null>(expression).catch(() => null);
      if (value) return value;
      if (this.process.child.exitCode !== null) throw new Error('the browser ended');
      if (performance.now() - start > patienceMs)
        throw new Error(`never came: ${expression.slice(0, 200)}; the page says: ${await this.text()}`);
      await new Promise((resolve) => void setTimeout(resolve, 30));
    }
  }

  /** What stands on the screen. */
  text(): Promise<string> {
    return this.evaluate('document.body.innerText.replace(/\\s+/g, " ").slice(0, 2000)');
  }

  /** Presses a button, or follows a link, once it is there and can be pressed; none of those that lead to the screens.
   *  @param name its whole name, or a pattern of it. */
  async click(name: string | RegExp): Promise<void> {
    await this.until(`(() => {
      const named = (one) => [one.textContent.trim(), one.getAttribute('aria-label')];
      const fits = (text) => ${typeof name === 'string' ? `text === ${JSON.stringify(name)}` : `${String(name)}.test(text ?? '')`};
      const button = [...document.querySelectorAll('button, a')].find(
        (one) => named(one).some(fits) && !one.closest('nav') && !one.disabled && one.getAttribute('aria-disabled') !== 'true',
      );
      button?.click();
      return button !== undefined;
    })()`);
  }

  /** Presses a button that asks for files, and gives it these; a folder by its path. */
  async choose(name: string | RegExp, paths: readonly string[]): Promise<void> {
    await this.send('Page.setInterceptFileChooserDialog', { enabled: true });
    const opened = new Promise<number>((resolve) =>
      this.heard.set('Page.fileChooserOpened', ({ backendNodeId }: { backendNodeId: number }) =>
        resolve(backendNodeId),
      ),
    );
    await this.click(name);
    await this.send('DOM.setFileInputFiles', { files: paths, backendNodeId: await opened });
  }

  /** Types into a field of a label, in the place of what stands there. */
  async fill(label: string, value: string): Promise<void> {
    await this.until(`(() => {
      const field = [...document.querySelectorAll('label')].find((one) => one.textContent.trim() === ${JSON.stringify(label)})?.control;
      field?.focus();
      field?.select?.();
      return field !== undefined && document.activeElement === field;
    })()`);
    await this.send('Input.insertText', { text: value });
    await this.evaluate('document.activeElement.blur()');
  }

  /** Runs a script in every worker of the page before anything of it; `worker` then speaks to the last one. Call it before the page is opened. */
  async watchWorkers(script: string): Promise<void> {
    const go = (method: string, session: string, params = {}): Promise<unknown> => this.send(method, params, session);
    this.heard.set('Target.attachedToTarget', ({ sessionId, targetInfo }: Attached) => {
      const run = async (): Promise<void> => {
        if (targetInfo.type === 'worker') {
          this.worker = sessionId;
          // As it starts, it has no WebGPU yet: where its own script begins, it has.
          await go('Debugger.enable', sessionId);
          await go('Debugger.setInstrumentationBreakpoint', sessionId, { instrumentation: 'beforeScriptExecution' });
        }
        await go('Runtime.runIfWaitingForDebugger', sessionId);
      };
      run().catch(() => {});
    });
    this.heard.set('Debugger.paused', (_: never, session: string) => {
      const run = async (): Promise<void> => {
        // Nothing that waits comes to anything meanwhile.
        await go('Runtime.evaluate', session, { expression: script });
        // Resumes it, too.
        await go('Debugger.disable', session);
      };
      run().catch(() => {});
    });
    await this.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: true, flatten: true });
  }

  /** What lies in a JavaScript heap, collected before, as DevTools write it. */
  async heapSnapshot(session = this.session): Promise<string> {
    const chunks: string[] = [];
    this.heard.set(
      'HeapProfiler.addHeapSnapshotChunk',
      ({ chunk }: { chunk: string }, from) => from === session && chunks.push(chunk),
    );
    await this.send('HeapProfiler.takeHeapSnapshot', {}, session);
    return chunks.join('');
  }

  /** Ends it as a person does, everything written. */
  async quit(): Promise<void> {
    await this.send('Browser.close').catch(() => {});
    await this.process.ended;
  }

  /** A key as a person strikes it. */
  press(key: string, code: string, keyCode: number, shift = false): void {
    const params = { key, code, windowsVirtualKeyCode: keyCode, modifiers: shift ? 8 : 0 };
    // Nobody waits: the browser may be killed with the key half struck.
    this.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...params }).catch(() => {});
    this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...params }).catch(() => {});
  }

  private take({ id, sessionId, method, params, result, error }: Message): void {
    if (id === undefined) return void this.heard.get(method!)?.(params as never, sessionId!);
    const { resolve, reject } = this.waiting.get(id)!;
    this.waiting.delete(id);
    if (error) reject(new Error(error.message));
    else resolve(result as never);
  }
}
