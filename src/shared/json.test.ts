import { describe, expect, it } from 'vitest';
import { parseJson, parseJsonObject, shown } from './json.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('JSON from outside', () => {
  it('is read from text and from UTF-8 with a byte order mark', () => {
    expect(parseJson('{"a":[1,"[[["]}', { file: 'f' })).toEqual({ a: [1, '[[['] });
    expect(parseJson(utf8('\ufeff{"a":1}'), { file: 'f' })).toEqual({ a: 1 });
  });

  it.each<[string, string | Uint8Array, RegExp]>([
    ['cut off', '{"a": ', /^f\.json is not valid JSON\. Do this\.$/],
    ['empty', '', /not valid JSON/],
    ['in conflict', '<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n', /marks of an unfinished merge/],
    ['a pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n', /Git LFS pointer/],
    ['in UTF-16', Uint8Array.of(0xff, 0xfe, 0x7b, 0, 0x7d, 0), /is not UTF-8 text/],
    ['deep', '['.repeat(200_000) + ']'.repeat(200_000), /nested more than 64 levels deep/],
    ['deep behind a string with brackets', `{"]]]\\"]":${'{"a":'.repeat(80)}1${'}'.repeat(80)}}`, /nested more than/],
    ['larger than its kind can be', ' '.repeat(11), /has 11 bytes/],
  ])('is refused by the name of its file: %s', (what, source, message) => {
    const read = (): unknown =>
      parseJson(source, { file: 'f.json', remedy: 'Do this.', ...(what.startsWith('larger') && { limit: 10 }) });
    expect(read).toThrow(message);
    expect(read).toThrow(expect.objectContaining({ name: 'BadFile' }));
  });

  it('must be an object where one is asked for', () => {
    for (const text of ['[]', '1', 'null', '"a"'])
      expect(() => parseJsonObject(text, { file: 'f' })).toThrow('f is JSON, but not an object.');
  });

  it('is shown in a line, however long or deep', () => {
    const deep = JSON.parse('['.repeat(20_000) + ']'.repeat(20_000)) as unknown;
    for (const value of [Array(1e6).fill(7), deep, undefined, NaN]) expect(shown(value).length).toBeLessThan(140);
    expect(shown([1, 'a'])).toBe('[1,"a"]');
    expect(shown(undefined)).toBe('missing');
  });
});
