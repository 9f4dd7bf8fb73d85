/** Text of unnamed encoding, and prompt lists in it. */
import { describe, expect, it } from 'vitest';
import { parsePrompts } from './promptList.ts';
import { decodeText } from './text.ts';

const utf16 = (text: string, bigEndian = false): Uint8Array => {
  const bytes = Buffer.from(text, 'utf16le');
  return new Uint8Array(bigEndian ? bytes.swap16() : bytes);
};
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const readPrompts = (bytes: Uint8Array, file?: string): string[] => parsePrompts(decodeText(bytes, file), file);
const list = 'a red house\r\nein Haus für Ödön\r\n# a remark\r\n\r\n夜の灯台';
const prompts = ['a red house', 'ein Haus für Ödön', '夜の灯台'];

describe('a prompt list is read in the encoding it is plainly in', () => {
  it.each([
    ['UTF-8', utf8(list)],
    ['UTF-8 with its mark', utf8(`\uFEFF${list}`)],
    ['UTF-16 LE with its mark', utf16(`\uFEFF${list}`)],
    ['UTF-16 BE with its mark', utf16(`\uFEFF${list}`, true)],
    ['UTF-16 LE without', utf16(list)],
    ['UTF-16 BE without', utf16(list, true)],
    ['UTF-8, old Macintosh line ends', utf8(list.replaceAll('\r\n', '\r'))],
  ])('%s', (_, bytes) => {
    expect(readPrompts(bytes)).toEqual(prompts);
  });
});

describe('anything else is refused with its line, never read as something else', () => {
  it.each([
    ['Latin-1', Buffer.from('a red house\nun café\n', 'latin1'), 'line 2'],
    ['Shift JIS', Uint8Array.of(0x97, 0x5c, 0x0a), 'line 1'],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]), 'line 1'],
    ['UTF-16 cut in a letter', utf16('\uFEFFa red house').subarray(0, -1), 'text'],
    ['a picture', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13), 'line 1'],
    ['UTF-8 with a zero', utf8('a red house\na blue\0 bird'), 'line 2'],
  ])('%s', (_, bytes, where) => {
    expect(() => readPrompts(new Uint8Array(bytes), 'list.txt')).toThrow(
      expect.objectContaining({
        name: 'BadFile',
        message: expect.stringMatching(new RegExp(`^list\\.txt is neither.*${where}`)),
      }),
    );
  });

  it('a prompt longer than any model reads', () => {
    expect(() => readPrompts(utf8('a'.repeat(10_001)))).toThrow(expect.objectContaining({ name: 'BadPrompt' }));
  });
});

it.each([
  ['JSON', '[\n  {"prompt": "a red house"}\n]'],
  ['JSON lines', '{"prompt": "a red house"}\r\n{"prompt": "a blue bird"}\r\n'],
  ['JSON behind a mark', '\uFEFF["a red house"]'],
])('%s is refused as a prompt list, not drawn line by line', (_, text) => {
  expect(() => readPrompts(utf8(text), 'list.json')).toThrow(
    expect.objectContaining({ name: 'BadFile', message: expect.stringMatching(/^list\.json is JSON/) }),
  );
});

it('prompts with brackets of their own are prompts', () => {
  const emphasised = ['[a red house]', '{a|b} house, [[fog]]', '[]x'];
  expect(readPrompts(utf8(emphasised.join('\n')))).toEqual(emphasised);
});

it('takes the mark off a text, and leaves the rest as it is', () => {
  expect(decodeText(utf8('\uFEFF {"a":"é"}\n'))).toBe(' {"a":"é"}\n');
  expect(decodeText(new Uint8Array())).toBe('');
});
