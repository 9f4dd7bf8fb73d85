/** The command line from arguments to exit code: 0 success, 1 a named error or a failed check, 2 bad arguments, 130 stopped by Ctrl-C. */
import { isWinnowError, WinnowError } from '../shared/errors.ts';
import { asFileError } from './fileErrors.ts';
import { type Streams, Terminal } from './terminal.ts';
import { badArguments } from './verb.ts';
import { verbs } from './verbs/index.ts';

export async function runCli(
  args: readonly string[],
  streams: Streams,
  onTerminal: (terminal: Terminal) => void = () => {},
): Promise<number> {
  const json = args.includes('--json');
  const terminal = new Terminal(streams, json);
  onTerminal(terminal);
  try {
    const [name, ...rest] = args.filter((argument) => argument !== '--json');
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
      streams.out(overview());
      return name === undefined ? 2 : 0;
    }
    const verb = verbs.find((candidate) => candidate.name === name);
    if (!verb)
      throw badArguments(
        `There is no verb ${name}.`,
        `Choose one of ${verbs.map((candidate) => candidate.name).join(', ')}.`,
      );
    if (rest.includes('--help') || rest.includes('-h')) {
      streams.out(verb.help);
      return 0;
    }
    const { json: document, text, exitCode = 0 } = await verb.run(rest, terminal);
    terminal.clear();
    if (json) streams.out(`${JSON.stringify(document)}\n`);
    else if (text) streams.out(`${text}\n`);
    return exitCode;
  } catch (error) {
    terminal.clear();
    return report(asFileError(error), streams, json);
  }
}

function report(error: unknown, { out, err }: Streams, json: boolean): number {
  const known = isNamed(error);
  const name = error instanceof Error ? error.name : 'Error';
  const message = error instanceof Error ? error.message : String(error);
  // A broken assertion is ours to mend: where it broke matters.
  err(known ? `${name}: ${message}\n` : `${error instanceof Error ? (error.stack ?? message) : message}\n`);
  if (json)
    out(
      `${JSON.stringify({ error: known ? { name, what: error.what, remedy: error.remedy } : { name, what: message } })}\n`,
    );
  if (isWinnowError(error, 'BadArguments')) return 2;
  return isWinnowError(error, 'Cancelled') ? 130 : 1;
}

const isNamed = (error: unknown): error is WinnowError => error instanceof WinnowError;

function overview(): string {
  const width = Math.max(...verbs.map(({ name }) => name.length));
  return [
    'winnow: teach a small text-to-image diffusion model your taste (Diffusion-DPO on WebGPU)',
    '',
    'usage: winnow VERB ... [--json]',
    '',
    ...verbs.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'winnow VERB --help tells more. MODEL is a diffusers folder or the name of a model that comes with winnow. Behind it,',
    '+FILE.safetensors[:strength] (or the folder of one) adds a LoRA, +RUN[@step][:strength] what a run trained; a run alone stands for its model with it.',
    '',
  ].join('\n');
}
