/** Who owns the GPU device. Everything that lies on it lies in one value (model cache, executor, what was made with them), which is opened when
 *  it is first asked for and goes when the device is lost; the next who asks has another one opened.
 *
 *  Work that a loss cuts off is done again, by whoever asked for it: a picture by `DeviceUse.turn`, a run from its last save. */
import '../../shared/disposable.ts';
import { isWinnowError, WinnowError } from '../../shared/errors.ts';
import type { EngineDevice } from '../../webgpu/device.ts';
import type { JobSignal } from '../jobs.ts';
import type { Listener } from '../types.ts';
import type { Recoveries } from './recoveries.ts';

/** What lies on one device. Disposing of it lets the device go, too. */
export interface OnDevice extends AsyncDisposable {
  readonly device: Pick<EngineDevice, 'lost'>;
}

export type Opening = Listener<{ what: string; done: number; total: number }>;

/** Before each further try to open a device in the place of a lost one: a driver that is reset, or a computer that wakes, takes a moment. */
const WAITS_MS = [500, 1000, 2000, 4000];

export interface DevicesOptions<T> {
  open(listener: Opening): Promise<T>;
  recoveries: Recoveries;
  /** Runs `work` when nothing else uses what lies on a device. */
  inTurn(work: () => Promise<void>): Promise<void>;
  wait?(ms: number): Promise<void>;
}

export class Devices<T extends OnDevice> {
  private readonly options: Required<DevicesOptions<T>>;
  private now: Promise<T> | undefined;
  /** The loss that the next device follows. */
  private loss: WinnowError | undefined;
  private readonly losses = new WeakMap<T, WinnowError | null>();
  private readonly followed = new WeakMap<T, boolean>();

  constructor(options: DevicesOptions<T>) {
    this.options = { wait: (ms) => new Promise((resolve) => void setTimeout(resolve, ms)), ...options };
  }

  /** The one there is, opened if there is none. Rejects with NoWebGPU, or with DeviceLost where one was lost and there is no other. */
  current(listener: Opening = () => {}): Promise<T> {
    if (!this.now) {
      const opening = this.open(listener);
      this.now = opening;
      const forget = (): void => {
        if (this.now === opening) this.now = undefined;
      };
      opening.then(
        (on) =>
          void on.device.lost.then((loss) => {
            forget();
            this.losses.set(on, loss);
            if (!loss) return undefined;
            this.loss = loss;
            return this.options.inTurn(() => Promise.resolve(on[Symbol.asyncDispose]()));
          }),
        forget,
      );
    }
    return this.now;
  }

  /** The one that is open, if one is. */
  async opened(): Promise<T | undefined> {
    return this.now?.catch(() => undefined);
  }

  /** How it was lost; null where it was let go, undefined where it is still there. */
  lossOf(on: T): WinnowError | null | undefined {
    return this.losses.get(on);
  }

  /** Whether what the loss of `on` cut off is done again on another one: decided once, for all of it. */
  isFollowed(on: T): boolean {
    const followed = this.followed.get(on) ?? this.options.recoveries.take();
    this.followed.set(on, followed);
    return followed;
  }

  /** Lets the device go. That is no loss. */
  async close(): Promise<void> {
    const on = await this.opened();
    this.now = undefined;
    await on?.[Symbol.asyncDispose]();
  }

  private async open(listener: Opening): Promise<T> {
    const waits = [...WAITS_MS];
    for (;;) {
      try {
        const on = await this.options.open(listener);
        this.loss = undefined;
        return on;
      } catch (error) {
        if (isWinnowError(error, 'DeviceLost')) {
          if (!this.options.recoveries.take()) throw error;
          this.loss = error as WinnowError;
        } else if (this.loss && isWinnowError(error, 'NoWebGPU')) {
          const ms = waits.shift();
          if (ms === undefined) throw notBack(this.loss);
          await this.options.wait(ms);
        } else throw error;
      }
    }
  }
}

const notBack = ({ what }: WinnowError): WinnowError =>
  new WinnowError(
    'DeviceLost',
    `${what.replace(/\.$/, '')} and has not come back.`,
    'Nothing saved is lost: close what else uses the GPU, start again (in a browser: restart it), and resume from the last checkpoint.',
  );

const ended = (): WinnowError =>
  new WinnowError('EngineEnded', 'The engine was ended while this was at work.', 'What was finished is kept.');

/** One verb's way to the device, for as long as it is at work: it goes on on another one where the first is lost. */
export class DeviceUse<T extends OnDevice, Context> {
  private readonly devices: Devices<T>;
  private readonly contextOf: (on: T) => Context;
  private last: { on: T; context: Context } | undefined;

  constructor(devices: Devices<T>, contextOf: (on: T) => Context) {
    this.devices = devices;
    this.contextOf = contextOf;
  }

  /** What the verb needs of the device there is: the same object for as long as it is the same device. Rejects with DeviceLost where another
   *  one would be one too many. */
  async context(): Promise<Context> {
    this.check();
    const on = await this.devices.current();
    if (this.last?.on !== on) {
      this.check();
      this.last = { on, context: this.contextOf(on) };
    }
    return this.last.context;
  }

  private check(): void {
    if (!this.last) return;
    const loss = this.devices.lossOf(this.last.on);
    if (loss === null || (loss && !this.devices.isFollowed(this.last.on))) throw loss ?? ended();
  }

  /** Gives the loss that work was rejected with, where there is to be another device. Rejects with any other error, and with a loss that is one
   *  too many. */
  async survive(error: unknown): Promise<WinnowError> {
    if (!isWinnowError(error, 'DeviceLost') || !this.last) throw error;
    // Whoever owns it hears of it first: from now on the current one is another one.
    const loss = await this.last.on.device.lost;
    if (!loss || !this.devices.isFollowed(this.last.on)) throw error;
    return loss;
  }

  /** Does `work` in a turn of the job; where the device is lost meanwhile, all of it again on another one.
   *  @param onLoss called when another one is open, also where the loss cut nothing off. */
  async turn<Result>(
    signal: Pick<JobSignal, 'turn'>,
    work: (context: Context) => Promise<Result>,
    onLoss: (loss: WinnowError) => void = () => {},
  ): Promise<Result> {
    for (;;) {
      try {
        return await signal.turn(async () => {
          const before = this.last;
          const context = await this.context();
          const loss = before && this.last !== before && this.devices.lossOf(before.on);
          if (loss) onLoss(loss);
          return work(context);
        });
      } catch (error) {
        await this.survive(error);
      }
    }
  }
}
