/** Entry of the command line's bundle (tools/cli/build.mjs). */
import { runCli } from './run.ts';

const streams = {
  out: (text: string): void => void process.stdout.write(text),
  err: (text: string): void => void process.stderr.write(text),
  live: process.stderr.isTTY ?? false,
};

/** Whether what was to be said is lost: the disk is full, a terminal is gone. A reader that has read enough (`| head`) is no fault, and ends no work. */
let lost = false;
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    lost = true;
    if (stream === process.stdout)
      streams.err(`NoDiskSpace: The output cannot be written (${error.code}). Write it to another place.\n`);
  });

const exitCode = await runCli(process.argv.slice(2), streams, (terminal) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => terminal.interrupt());
});
// Dawn and onnxruntime keep threads that would hold the process.
await Promise.all(
  [process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve))),
);
process.exit(lost ? 1 : exitCode);
