/** Entry of the command line's bundle (tools/cli/build.mjs). */
import { runCli } from './run.ts';

const streams = {
  out: (text: string): void => void process.stdout.write(text),
  err: (text: string): void => void process.stderr.write(text),
  live: process.stderr.isTTY ?? false,
};

const exitCode = await runCli(process.argv.slice(2), streams, (terminal) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => terminal.interrupt());
});
// Dawn and onnxruntime keep threads that would hold the process.
await Promise.all(
  [process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve))),
);
process.exit(exitCode);
