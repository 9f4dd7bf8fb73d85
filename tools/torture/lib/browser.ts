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

type Message = { id?: number; method?: string; params?: unknown; result?: unknown; error?: { message: string } };

/** One page of a browser, through the DevTools protocol. Whatever waits for a browser that ended is rejected. */
export class PipedPage {
  readonly process: Killable;
  private readonly input: Writable;
  private readonly waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  private readonly heard = new Map<string, (params: never) => void>();
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

  send<T>(method: string, params: object = {}): Promise<T> {
    const id = ++this.lastId;
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      const message = { id, method, params, ...(this.session !== undefined && { sessionId: this.session }) };
      this.input.write(`${JSON.stringify(message)}\0`);
    });
  }

  goto(url: string): Promise<unknown> {
    return this.send('Page.navigate', { url });
  }

  /** What an expression, or the promise that it gives, comes to. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send<{
      result: { value: T };
      exceptionDetails?: { exception?: { description?: string } };
    }>('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? 'the page threw');
    return result.value;
  }

  /** A key as a person strikes it. */
  press(key: string, code: string, keyCode: number, shift = false): void {
    const params = { key, code, windowsVirtualKeyCode: keyCode, modifiers: shift ? 8 : 0 };
    // Nobody waits: the browser may be killed with the key half struck.
    this.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...params }).catch(() => {});
    this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...params }).catch(() => {});
  }

  private take({ id, method, params, result, error }: Message): void {
    if (id === undefined) return void this.heard.get(method!)?.(params as never);
    const { resolve, reject } = this.waiting.get(id)!;
    this.waiting.delete(id);
    if (error) reject(new Error(error.message));
    else resolve(result as never);
  }
}
