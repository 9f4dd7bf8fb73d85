/** What a person sees: text on stdout, progress with the time left on stderr. With --json stdout is for the document alone. */

export interface Streams {
  out(text: string): void;
  err(text: string): void;
  /** Whether lines of stderr can be written over. */
  live: boolean;
}

/** Between two lines of progress where they cannot be written over. */
const QUIET_MS = 5000;

export class Terminal {
  readonly json: boolean;
  private readonly streams: Streams;
  private lineLength = 0;
  private lastLine = 0;
  private interruptHandler: (() => void) | undefined;
  private interruptions = 0;

  constructor(streams: Streams, json: boolean) {
    this.streams = streams;
    this.json = json;
  }

  /** A line for people, at once. */
  print(text: string): void {
    if (this.json) return;
    this.clear();
    this.streams.out(`${text}\n`);
  }

  /** A line about the work, never part of the result. */
  note(text: string): void {
    this.clear();
    this.streams.err(`${text}\n`);
  }

  /** The state of the work, shown over the state before. `last` is shown in any case. */
  status(text: string, last = false): void {
    const now = performance.now();
    if (this.streams.live) {
      this.streams.err(`\r${text.padEnd(this.lineLength)}`);
      this.lineLength = text.length;
      if (last) this.clear(true);
    } else if (last || now - this.lastLine > QUIET_MS || this.lastLine === 0) {
      this.streams.err(`${text}\n`);
      this.lastLine = now;
    }
  }

  /** Ctrl-C, the first time, asks the work to end; the second time ends the process. */
  onInterrupt(handler: () => void): void {
    this.interruptHandler = handler;
  }

  interrupt(): void {
    if (++this.interruptions > 1 || !this.interruptHandler) process.exit(130);
    this.note('Stopping after the step at work; press Ctrl-C again to stop at once.');
    this.interruptHandler();
  }

  /** Ends a line of progress that is still open. */
  clear(keep = false): void {
    if (this.lineLength > 0) this.streams.err(keep ? '\n' : `\r${' '.repeat(this.lineLength)}\r`);
    this.lineLength = 0;
  }
}

/** Time left, from the pace since the first call. */
export class Pace {
  private start: { at: number; done: number } | undefined;

  /** `12 s left`, or nothing while it cannot be known. */
  left(done: number, total: number): string {
    this.start ??= { at: performance.now(), done };
    const taken = done - this.start.done;
    if (taken <= 0 || done >= total) return '';
    return `, ${duration(((performance.now() - this.start.at) / 1000 / taken) * (total - done))} left`;
  }
}

export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Columns aligned; the first to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
