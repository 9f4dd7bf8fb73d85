/** JSON Lines as editors, other tools and killed processes leave them. */
import { describe, expect, it } from 'vitest';
import { labelKind } from '../../records/kinds.ts';
import { labelEvent } from '../../records/testRecords.ts';
import { formatJsonl, readJsonLines, readRecordLines } from './jsonl.ts';

const [a, b] = ['{"id":1}', '{"id":2}'];
const both = [{ id: 1 }, { id: 2 }];
const valuesOf = (text: string): unknown[] => readJsonLines(text).lines.map(({ value }) => value);

describe('every whole line counts', () => {
  it.each([
    ['with a last line feed', `${a}\n${b}\n`],
    ['without', `${a}\n${b}`],
    ['with a byte order mark', `\uFEFF${a}\n${b}\n`],
    ['behind one another, each with its mark', `\uFEFF${a}\n\uFEFF${b}`],
    ['with CRLF', `${a}\r\n${b}\r\n`],
    ['with CRLF, the last one left out', `${a}\r\n${b}`],
    ['with blank lines', `\n${a}\n\n  \n${b}\n\n`],
  ])('%s', (_, text) => {
    expect(valuesOf(text)).toEqual(both);
    expect(readJsonLines(text).cut).toBeUndefined();
  });

  it('a file of one line with a byte order mark', () => {
    expect(valuesOf(`\uFEFF${a}`)).toEqual([{ id: 1 }]);
  });
});

it('sets a last line apart that was cut short, and only the last', () => {
  expect(readJsonLines(`${a}\n{"id":`)).toEqual({ lines: [{ number: 1, value: { id: 1 } }], cut: '{"id":' });
  expect(() => readJsonLines(`${a}\n{"id":\n${b}`, 'f')).toThrow('f: line 2 is not valid JSON');
  // With its line feed it was no cut.
  expect(() => readJsonLines('{"id":\n', 'f')).toThrow('f: line 1 is not valid JSON');
});

it('refuses a line that is nested too deeply, also the last one: it is whole', () => {
  const deep = `{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
  for (const text of [`${deep}\n${a}\n`, `${a}\n${deep}`])
    expect(() => readJsonLines(text, 'f')).toThrow(/^f: line [12] is nested more than 64 levels deep\./);
});

it('names file and line of a line that is no record', () => {
  const good = labelEvent('l1', 'p');
  const text = `\n${formatJsonl([good, { ...good, shownLeft: '0' }])}`;
  expect(() => readRecordLines(text, labelKind, 'labels.jsonl')).toThrow(
    /labels\.jsonl: line 3 is no label event \(shownLeft/,
  );
  expect(readRecordLines(formatJsonl([good]), labelKind, 'f')).toEqual({ records: [good] });
});
