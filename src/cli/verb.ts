/** What a verb of the command line is: its arguments with their help, and what it does. */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { WinnowError } from '../shared/errors.ts';
import type { Terminal } from './terminal.ts';

export type OptionSpec =
  /** formerly: its name in earlier versions, which is still read. */
  | { kind: 'text'; value: string; help: string; default?: string; formerly?: string }
  /** May be given several times. */
  | { kind: 'list'; value: string; help: string; formerly?: string }
  | { kind: 'flag'; help: string };

export type Options = Readonly<Record<string, OptionSpec>>;

export type Values<O extends Options> = {
  [K in keyof O]: O[K] extends { kind: 'flag' }
    ? boolean
    : O[K] extends { kind: 'list' }
      ? string[]
      : O[K] extends { default: string }
        ? string
        : string | undefined;
};

/** What a verb ends with: one JSON document for machines, text for people. */
export interface Outcome {
  json: unknown;
  text?: string;
  /** 0 if left out. */
  exitCode?: number;
}

export interface Verb {
  name: string;
  summary: string;
  help: string;
  run(args: readonly string[], terminal: Terminal): Promise<Outcome>;
}

export interface VerbSpec<O extends Options> {
  name: string;
  summary: string;
  /** Positional arguments as they stand in the usage line: `MODEL`, `[LABELS]`, `MODEL...`. */
  positionals: readonly string[];
  options: O;
  /** Lines below the options. */
  notes?: readonly string[];
  example: string;
  run(positionals: string[], values: Values<O>, terminal: Terminal): Promise<Outcome>;
}

export const badArguments = (what: string, remedy: string): WinnowError =>
  new WinnowError('BadArguments', what, remedy);

export function defineVerb<const O extends Options>(spec: VerbSpec<O>): Verb {
  return {
    name: spec.name,
    summary: spec.summary,
    help: helpText(spec),
    async run(args, terminal) {
      const { positionals, values } = parse(spec, args);
      return spec.run(positionals, values, terminal);
    },
  };
}

function parse<O extends Options>(
  spec: VerbSpec<O>,
  args: readonly string[],
): { positionals: string[]; values: Values<O> } {
  const config: NonNullable<ParseArgsConfig['options']> = {};
  for (const [name, option] of Object.entries(spec.options)) {
    config[name] = { type: option.kind === 'flag' ? 'boolean' : 'string', multiple: option.kind === 'list' };
    if (formerName(option) !== undefined)
      config[formerName(option)!] = { type: 'string', multiple: option.kind === 'list' };
  }
  const see = `See winnow ${spec.name} --help.`;
  let parsed: { positionals: string[]; values: Record<string, unknown> };
  try {
    parsed = parseArgs({ args: withNegatives(args, config), options: config, allowPositionals: true, strict: true });
  } catch (error) {
    const what = error instanceof Error ? error.message.split(/\. |\n/)[0]! : String(error);
    throw badArguments(`${what.replace(/\.?$/, '.')}`, see);
  }
  const least = spec.positionals.filter((name) => !name.startsWith('[')).length;
  const most = spec.positionals.some((name) => name.includes('...')) ? Infinity : spec.positionals.length;
  const { positionals } = parsed;
  if (positionals.length < least) throw badArguments(`${spec.positionals[positionals.length]} is missing.`, see);
  if (positionals.length > most)
    throw badArguments(`${JSON.stringify(positionals[most])} is one argument too many.`, see);
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(spec.options)) {
    const before = formerName(option);
    const said = before === undefined ? undefined : parsed.values[before];
    if (said !== undefined && parsed.values[name] !== undefined)
      throw badArguments(`--${name} and --${before}, its name of before, were both given.`, `Leave out --${before}.`);
    values[name] =
      parsed.values[name] ?? said ?? (option.kind === 'flag' ? false : option.kind === 'list' ? [] : option.default);
  }
  return { positionals, values: values as Values<O> };
}

/** A negative number behind an option is its value; Node's parser would take it for an option. */
function withNegatives(args: readonly string[], options: NonNullable<ParseArgsConfig['options']>): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const before = joined.at(-1) ?? '';
    if (/^-[.\d]/.test(arg) && options[before.slice(2)]?.type === 'string' && before.startsWith('--'))
      joined[joined.length - 1] = `${before}=${arg}`;
    else joined.push(arg);
  }
  return joined;
}

const formerName = (option: OptionSpec): string | undefined => (option.kind === 'flag' ? undefined : option.formerly);

function helpText({ name, summary, positionals, options, notes = [], example }: VerbSpec<Options>): string {
  const rows = [
    ...Object.entries(options).map(([option, spec]) => [
      `--${option}${spec.kind === 'flag' ? '' : ` ${spec.value}`}`,
      `${spec.help}${spec.kind === 'text' && spec.default ? ` (default: ${spec.default})` : ''}${spec.kind === 'list' ? ' (may be repeated)' : ''}`,
    ]),
    ['--json', 'one JSON document on stdout, nothing else'],
    ['--help', 'this page'],
  ];
  const width = Math.max(...rows.map(([option]) => option!.length));
  return [
    `winnow ${name}: ${summary}`,
    '',
    `usage: winnow ${[name, ...positionals].join(' ')} [options]`,
    '',
    ...rows.map(([option, text]) => `  ${option!.padEnd(width)}  ${text}`),
    ...(notes.length > 0 ? ['', ...notes] : []),
    '',
    `example: winnow ${name} ${example}`,
    '',
  ].join('\n');
}
