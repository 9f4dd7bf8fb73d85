/** Records in a folder: appended durably, read with their line numbers, and never lost because a line feed or a record's end is missing. */
import * as fs from 'node:fs';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { formatJsonl } from '../data/formats/jsonl.ts';
import { labelKind } from '../records/kinds.ts';
import { labelEvent, pairRecord } from '../records/testRecords.ts';
import { appendRecords, claimFolder, readLabels, readPairs, readRecords } from './records.ts';
import { runCli } from './run.ts';

/** What was done to which file, in order. */
const deeds: string[] = [];
const opened = new Map<number, string>();

// The real functions, watched.
vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  return {
    ...real,
    openSync: (path: string, ...rest: [string]) => {
      const handle = real.openSync(path, ...rest);
      opened.set(handle, path);
      return handle;
    },
    writeSync: (...args: Parameters<typeof real.writeSync>) => {
      deeds.push(`write ${opened.get(args[0])}`);
      return (real.writeSync as (...given: unknown[]) => number)(...args);
    },
    fsyncSync: (handle: number) => {
      deeds.push(`sync ${opened.get(handle)}`);
      real.fsyncSync(handle);
    },
  };
});

let folder: string;
let file: string;
const said: string[] = [];
const say = (text: string): void => void said.push(text);
const events = ['l1', 'l2', 'l3'].map((id) => labelEvent(id, 'p1'));
const [first, second, third] = events as [(typeof events)[0], (typeof events)[0], (typeof events)[0]];
const line = (value: unknown): string => JSON.stringify(value);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'winnow-records-'));
  file = join(folder, 'labels.jsonl');
  deeds.length = 0;
  said.length = 0;
});

it('is on the disk with its name, and with the folders that were made for it, before it returns', () => {
  const deep = join(folder, 'a', 'b', 'labels.jsonl');
  appendRecords(deep, [first]);
  expect(deeds).toEqual([
    `write ${deep}`,
    `sync ${deep}`,
    `sync ${dirname(deep)}`,
    `sync ${join(folder, 'a')}`,
    `sync ${folder}`,
  ]);
  deeds.length = 0;
  appendRecords(deep, [second]);
  expect(deeds).toEqual([`write ${deep}`, `sync ${deep}`]);
});

describe('a last line without its line feed', () => {
  it.each([
    ['one record', line(first), [first]],
    ['of several', `${line(first)}\n${line(second)}`, [first, second]],
    ['behind a byte order mark', `\uFEFF${line(first)}`, [first]],
    ['behind CRLF', `${line(first)}\r\n${line(second)}`, [first, second]],
    ['with blanks behind it', `${line(first)}  `, [first]],
  ])('is kept and ended by the next append: %s', (_, text, before) => {
    writeFileSync(file, text);
    expect(readRecords(file, labelKind)).toEqual(before);
    appendRecords(file, [third], say);
    expect(readRecords(file, labelKind, say)).toEqual([...before, third]);
    expect(said).toEqual([]);
    expect(readFileSync(file, 'utf8').startsWith(text)).toBe(true);
  });

  it('is set aside where it is not whole, told, and found again', () => {
    const torn = line(second).slice(0, 40);
    writeFileSync(file, `${line(first)}\n${torn}`);
    expect(readRecords(file, labelKind, say)).toEqual([first]);
    expect(said).toEqual([expect.stringContaining('not whole')]);
    appendRecords(file, [third], say);
    expect(readRecords(file, labelKind)).toEqual([first, third]);
    expect(readFileSync(`${file}.cut`, 'utf8')).toBe(`${torn}\n`);
    expect(said[1]).toContain(`${file}.cut`);
    // On the disk before it is taken out of the file.
    expect(deeds.slice(0, 3)).toEqual([`write ${file}.cut`, `sync ${file}.cut`, `sync ${folder}`]);
  });

  it('is set aside where it was cut inside a letter', () => {
    const bytes = Buffer.from(`${line(first)}\n{"id":"é`);
    writeFileSync(file, bytes.subarray(0, -1));
    expect(readRecords(file, labelKind)).toEqual([first]);
    appendRecords(file, [third]);
    expect(readRecords(file, labelKind)).toEqual([first, third]);
  });

  it('is set aside where it is longer than what is read at a time, and all there is', () => {
    const torn = `{"id":"${'x'.repeat(200_000)}`;
    writeFileSync(file, torn);
    appendRecords(file, [third]);
    expect(readRecords(file, labelKind)).toEqual([third]);
    expect(readFileSync(`${file}.cut`, 'utf8')).toBe(`${torn}\n`);
  });
});

describe('files that were put behind one another', () => {
  it('hold each pair once', () => {
    const [a, b] = [pairRecord('a'), pairRecord('b')];
    writeFileSync(join(folder, 'pairs.jsonl'), formatJsonl([a, b, a]));
    expect(readPairs(folder, say)).toEqual([a, b]);
    expect(said).toEqual([expect.stringMatching(/^1 of 3 pairs of .* each counts once/)]);
  });

  it('are taken in with each label once', async () => {
    writeFileSync(join(folder, 'pairs.jsonl'), formatJsonl([pairRecord('p1')]));
    const given = join(folder, 'given.jsonl');
    writeFileSync(given, formatJsonl([first, second, first]));
    expect(await runCli(['label', folder, '--judge', given], { out: say, err: say, live: false })).toBe(0);
    expect(readRecords(file, labelKind)).toEqual([first, second]);
  });
});

describe('a file of another kind', () => {
  it('in UTF-16 is read, and not appended to', () => {
    writeFileSync(file, Buffer.from(`\uFEFF${formatJsonl([first])}`, 'utf16le'));
    expect(readRecords(file, labelKind)).toEqual([first]);
    const before = readFileSync(file);
    expect(() => appendRecords(file, [second])).toThrow(expect.objectContaining({ name: 'BadFile' }));
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('in Latin-1 is refused, its last line without a line feed too', () => {
    const text = `${line(first)}\n${line({ ...second, by: 'André' })}`;
    writeFileSync(file, Buffer.from(text, 'latin1'));
    expect(() => readRecords(file, labelKind)).toThrow(/labels\.jsonl is neither UTF-8.*line 2/);
  });

  it('is named with its line: labels', () => {
    writeFileSync(file, formatJsonl([first, { ...second, answer: 'lft' }]));
    expect(() => readLabels(folder)).toThrow(/labels\.jsonl: line 2 is no label event \(answer/);
  });

  it('is named with its line: pairs', () => {
    writeFileSync(join(folder, 'pairs.jsonl'), formatJsonl([pairRecord('p1'), null]));
    expect(() => readPairs(folder)).toThrow(/pairs\.jsonl: line 2 is no pair/);
  });

  it.each([
    ['shownLeft as text', { ...second, shownLeft: '0' }, 'shownLeft'],
    ['a misspelt answer', { ...second, answer: 'rigth' }, 'answer'],
    ['nothing', null, 'it:'],
  ])('ends a command by name, and changes nothing: %s', async (_, bad, field) => {
    writeFileSync(join(folder, 'pairs.jsonl'), formatJsonl([pairRecord('p1')]));
    const given = join(folder, 'given.jsonl');
    writeFileSync(given, formatJsonl([first, bad]));
    let err = '';
    const code = await runCli(['label', folder, '--judge', given], {
      out: () => {},
      err: (text) => void (err += text),
      live: false,
    });
    expect([code, err]).toEqual([1, expect.stringMatching(new RegExp(`^BadFile: ${given}: line 2 .*${field}`))]);
    expect(fs.existsSync(file)).toBe(false);
  });
});

it('a folder that was made for something else is refused, and one in which nothing came about is free', () => {
  const folder = mkdtempSync(join(tmpdir(), 'winnow-claim-'));
  const pairs = join(folder, 'pairs.jsonl');
  const claim = (steps: number): void => claimFolder(folder, { steps }, [pairs, join(folder, 'candidates.jsonl')]);
  claim(1);
  // It was refused what it was asked for, by a judge that is damaged, say.
  claim(2);
  writeFileSync(pairs, formatJsonl([pairRecord('p')]));
  claim(2);
  expect(() => claim(3)).toThrow('was made with other settings');
  expect(JSON.parse(readFileSync(join(folder, 'request.json'), 'utf8'))).toEqual({ steps: 2 });
});
