/** `npm run torture -- NAME [--count N] [--seed S] [--minutes M]`: runs tools/torture/NAME.ts under Node, through Vite, and ends with a table of
 *  what was done. Exits with 1 where anything failed. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { createServer } from 'vite';

const root = join(import.meta.dirname, '..', '..');
const names = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .map((name) => name.slice(0, -'.ts'.length));
const usage = `usage: npm run torture -- NAME [--count N] [--seed S] [--minutes M]\nNAME: ${names.join(', ')}`;

function refuse(what) {
  console.error(`${what}\n${usage}`);
  process.exit(2);
}

function parsed() {
  const options = { count: { type: 'string' }, seed: { type: 'string' }, minutes: { type: 'string' } };
  try {
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    return refuse(error.message);
  }
}

const { values, positionals } = parsed();
const number = (name, least) => {
  const value = Number(values[name]);
  if (!Number.isFinite(value) || value < least) refuse(`--${name} ${values[name]} is no number from ${least} on.`);
  return value;
};
const [name] = positionals;
if (!names.includes(name)) refuse(name === undefined ? 'NAME is missing.' : `There is no torture ${name}.`);

const server = await createServer({
  root,
  configFile: false,
  appType: 'custom',
  logLevel: 'error',
  cacheDir: join(root, '.cache', 'torture', 'vite'),
  optimizeDeps: { noDiscovery: true },
  oxc: { target: 'node20' },
  server: { middlewareMode: true, hmr: false, watch: null, ws: false },
});
const { torture, fullCount = 50 } = await server.ssrLoadModule(join(import.meta.dirname, `${name}.ts`));
const options = {
  count: values.count === undefined ? fullCount : number('count', 1),
  seed: values.seed === undefined ? Math.trunc(Date.now() / 1000) : number('seed', 0),
  minutes: values.minutes === undefined ? null : number('minutes', 0),
};
const start = Date.now();
const seconds = () => Math.round((Date.now() - start) / 1000);
console.log(`${name}: ${options.count} rounds, seed ${options.seed}`);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

const { done, failed, figures } = await torture({
  ...options,
  log: (line) => console.log(`${String(seconds()).padStart(6)} s  ${line}`),
});
await server.close();

for (const line of failed.slice(0, 100)) console.log(`FAILED  ${line}`);
if (failed.length > 100) console.log(`FAILED  and ${failed.length - 100} more`);
const rows = [
  ['torture', name],
  ['seed', options.seed],
  ['date', new Date(start).toISOString().slice(0, 10)],
  ['took', `${seconds()} s`],
  ['done', done],
  ['failed', failed.length],
  ...Object.entries(figures),
];
const width = Math.max(...rows.map(([what]) => what.length));
console.log(`\n${rows.map(([what, value]) => `${what.padEnd(width)}  ${value}`).join('\n')}`);
if (done === 0) console.log('\nNothing was done.');
process.exit(failed.length > 0 || done === 0 ? 1 : 0);
