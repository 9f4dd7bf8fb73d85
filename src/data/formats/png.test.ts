/** Files below were written by Pillow. */
import { crc32, deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { formatParameters, type ParametersText, parseParameters } from './a1111.ts';
import { inflate } from './inflate.ts';
import { decodePng, encodePng, readPngText, writePngText } from './png.ts';
import { cpuMs } from '../../shared/testCpuTime.ts';

const bytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

const pillow = {
  rgb: 'iVBORw0KGgoAAAANSUhEUgAAAAUAAAAECAIAAADJUWIXAAAAO3RFWHRwYXJhbWV0ZXJzAGEgY2Fm6QpTdGVwczogMjAsIFNhbXBsZXI6IEV1bGVyIGEsIENGRyBzY2FsZTogN/XuvA8AAAAbaVRYdHdpbm5vdwAAAAAAeyJwIjoi54yrIPCfkIgifbfTDCMAAAASelRYdGxvbmcAAHicq6oiFQAAX+4X1bLukJ4AAAAUaVRYdHVpAAEAAAB4nDu85zBREABl8h3tysoV7gAAACFJREFUeJxjZGBg0EBCLAw2DAwM8nAE59tBEDI/loEhFgBiWQPOIPflFQAAAABJRU5ErkJggg==',
  rgba: 'iVBORw0KGgoAAAANSUhEUgAAAAUAAAAECAYAAABGM/VAAAAAKUlEQVR4nGNkYGBg0GBg4EXGLAw2DI4MDPK8yBhJ0A6O0QRjeRkYYnkBv7MFYeSQKTYAAAAASUVORK5CYII=',
  grey: 'iVBORw0KGgoAAAANSUhEUgAAAAUAAAAECAAAAABjWKqcAAAAIElEQVR4nGNk4OHh4WFUFuAX4GdRFhYWEWZRERP/KQIAEZ8Caj/uCSwAAAAASUVORK5CYII=',
  greyAlpha:
    'iVBORw0KGgoAAAANSUhEUgAAAAUAAAAECAQAAADsOj3LAAAAL0lEQVR4nGNkYODhhUBGZUcBXn5eAV5+XhZlR2FeYV4RXmFeFhVHMV5x3p+8IrwAQUkD/f+7TGIAAAAASUVORK5CYII=',
  palette:
    'iVBORw0KGgoAAAANSUhEUgAAAAUAAAAECAMAAABx7QVyAAAAPFBMVEWgtHR4tBdQtLqgePh4eLpQeHwotF0AtAAoeD4AeACgPHx4PF1QPD4oPB8APACgAAB4AABQAAAoAAAAAAB7PklfAAAAFHRSTlOA/////////////////////////9EQI4UAAAAgSURBVHicYxAWEhTgZ+Dj5eHmYuDkYGVhZmBnY2JkAAAMAQC/Q7gPnAAAAABJRU5ErkJggg==',
};
const converted = {
  palette:
    'AAAA/ygAAP9QAAD/eAAA/6AAAP8APAD/KDwf/1A8Pv94PF3/oDx8/wB4AP8oeD7/UHh8/3h4uv+gePj/ALQA/yi0Xf9QtLr/eLQX/6C0dIA=',
  grey: 'AAAA/wwMDP8YGBj/JCQk/zAwMP8jIyP/MzMz/0JCQv9SUlL/YWFh/0ZGRv9ZWVn/bGxs/4CAgP+Tk5P/ampq/4CAgP+Xl5f/kJCQ/6enp/8=',
  greyAlpha:
    'AAAAAAwMDA0YGBgaJCQkJzAwMDQjIyNBMzMzTkJCQltSUlJoYWFhdUZGRoJZWVmPbGxsnICAgKmTk5O2ampqw4CAgNCXl5fdkJCQ6qenp/c=',
};

/** The picture all of them show: 5x4, R = 40 x, G = 60 y, B = 31 x y, alpha 13 i in `rgba`. */
const scene = (alpha: (i: number) => number): Uint8Array =>
  Uint8Array.from({ length: 5 * 4 * 4 }, (_, k) => {
    const i = k >> 2;
    const [x, y] = [i % 5, Math.floor(i / 5)];
    return [40 * x, 60 * y, 31 * x * y, alpha(i)][k & 3]!;
  });

describe('pixels', () => {
  it.each([
    ['rgb', scene(() => 255)],
    ['rgba', scene((i) => 13 * i)],
    ['grey', bytes(converted.grey)],
    ['greyAlpha', bytes(converted.greyAlpha)],
    ['palette', bytes(converted.palette)],
  ] as const)('reads %s', (name, expected) => {
    expect(decodePng(bytes(pillow[name]))).toEqual({ width: 5, height: 4, data: expected });
  });

  it.each([
    ['opaque', scene(() => 255), 2],
    ['with alpha', scene((i) => 255 - i), 6],
  ])('writes %s', (_, data, colourType) => {
    const png = encodePng({ width: 5, height: 4, data }, { parameters: 'x' });
    expect(png[25]).toBe(colourType);
    expect(decodePng(png)).toEqual({ width: 5, height: 4, data });
    expect(readPngText(png)).toEqual(new Map([['parameters', 'x']]));
  });

  it('uses every filter and reads it back', () => {
    const [width, height] = [37, 23];
    let state = 1;
    const data = Uint8Array.from({ length: width * height * 4 }, (_, k) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      const [x, y] = [(k >> 2) % width, Math.floor((k >> 2) / width)];
      return k % 4 === 3 ? 255 : [x * 6, y * 9, x * y, (x + y) * 3, state >>> 24][y % 5]! & 255;
    });
    expect(decodePng(encodePng({ width, height, data })).data).toEqual(data);
  });

  const damage = (change: (png: Uint8Array) => Uint8Array): Uint8Array => change(bytes(pillow.rgb));
  it.each([
    ['no PNG', damage(() => new TextEncoder().encode('GIF89a, not a PNG')), /not a PNG/],
    ['cut off', damage((png) => png.subarray(0, -20)), /cut off/],
    ['damaged', damage((png) => png.map((byte, i) => (i === png.length - 20 ? byte ^ 1 : byte))), /checksum/],
  ])('names a file that is %s', (_, png, message) => {
    expect(() => decodePng(png)).toThrow(message);
    expect(() => decodePng(png)).toThrow(expect.objectContaining({ name: 'BadFile' }));
  });
});

describe('text', () => {
  it('reads tEXt, zTXt and iTXt, packed and not', () => {
    expect(readPngText(bytes(pillow.rgb))).toEqual(
      new Map([
        ['parameters', 'a café\nSteps: 20, Sampler: Euler a, CFG scale: 7'],
        ['winnow', '{"p":"猫 🐈"}'],
        ['long', 'z'.repeat(50)],
        ['ui', 'ü'.repeat(20)],
      ]),
    );
  });

  it('replaces its own keywords and leaves the rest', () => {
    const once = writePngText(bytes(pillow.rgb), { winnow: '{}', parameters: 'emoji 🐈 and accents é' });
    const twice = writePngText(once, { winnow: '{"v":2}' });
    expect([...readPngText(twice)].sort()).toEqual([
      ['long', 'z'.repeat(50)],
      ['parameters', 'emoji 🐈 and accents é'],
      ['ui', 'ü'.repeat(20)],
      ['winnow', '{"v":2}'],
    ]);
    expect(decodePng(twice).data).toEqual(decodePng(bytes(pillow.rgb)).data);
  });
});

/** The picture with a chunk behind its header. */
function withChunk(png: Uint8Array, type: string, data: Uint8Array, { damaged = false } = {}): Uint8Array {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(type, 4, 'latin1');
  chunk.set(data, 8);
  chunk.writeUInt32BE((crc32(chunk.subarray(4, 8 + data.length)) ^ (damaged ? 1 : 0)) >>> 0, 8 + data.length);
  return new Uint8Array(Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]));
}

const text = (...parts: (string | Uint8Array)[]): Uint8Array =>
  new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(part as string))));

/** Zeros, which deflate to a thousandth. */
const packedZeros = (bytes: number): Uint8Array => new Uint8Array(deflateSync(Buffer.alloc(bytes)));
const bomb = packedZeros(600_000_000);

describe('text of others', () => {
  it('is UTF-8 in tEXt where it is that, else Latin-1', () => {
    const png = bytes(pillow.rgba);
    const read = (data: Uint8Array): unknown => readPngText(withChunk(png, 'tEXt', data)).get('parameters');
    expect(read(text('parameters\0テスト café'))).toBe('テスト café');
    expect(read(text('parameters\0', Uint8Array.of(0x63, 0x61, 0x66, 0xe9)))).toBe('café');
  });

  it('that we write is read back to the letter, letters that look like UTF-8 too', () => {
    for (const written of ['café', 'cafÃ©', 'Ã¼ and ü', '猫', 'plain', ''])
      expect(readPngText(writePngText(bytes(pillow.rgba), { parameters: written })).get('parameters')).toBe(written);
  });

  it.each([
    ['zTXt of garbage', 'zTXt', text('parameters\0\0garbage'), false],
    ['zTXt of nothing', 'zTXt', text('parameters\0\0'), false],
    ['zTXt cut off', 'zTXt', text('parameters\0\0', deflateSync('a cat'.repeat(99)).subarray(0, 12)), false],
    ['iTXt of garbage', 'iTXt', text('parameters\0\x01\0\0\0xxxx'), false],
    ['iTXt cut off', 'iTXt', text('parameters\0'), false],
    ['tEXt without an end to its keyword', 'tEXt', text('zzz'), false],
    ['a wrong checksum', 'tEXt', text('parameters\0wrong'), true],
    ['zTXt that inflates to 600 MB', 'zTXt', text('parameters\0\0', bomb), false],
    ['iTXt that inflates to 600 MB', 'iTXt', text('parameters\0\x01\0\0\0', bomb), false],
  ])('%s hides nothing else', (_, type, data, damaged) => {
    const png = withChunk(bytes(pillow.rgb), type, data, { damaged });
    const start = cpuMs();
    const found = readPngText(png);
    expect(cpuMs() - start).toBeLessThan(3000);
    expect(found.get('winnow')).toBe('{"p":"猫 🐈"}');
    expect(found.get('parameters')).toBe('a café\nSteps: 20, Sampler: Euler a, CFG scale: 7');
    expect(decodePng(png)).toEqual(decodePng(bytes(pillow.rgb)));
    expect(readPngText(writePngText(png, { winnow: '{}' })).get('winnow')).toBe('{}');
  });
});

describe('pictures that declare or hold too much', () => {
  /** An RGB picture of one size whose data is something else. */
  function declared(width: number, height: number, data: Uint8Array): Uint8Array {
    const header = Buffer.alloc(13);
    header.writeUInt32BE(width, 0);
    header.writeUInt32BE(height, 4);
    header.set([8, 2], 8);
    const png = bytes(pillow.rgb);
    let made = new Uint8Array(Buffer.concat([png.subarray(0, 8)]));
    const end = png.subarray(-12);
    for (const [type, body] of [
      ['IHDR', header],
      ['IDAT', data],
    ] as const)
      made = new Uint8Array(Buffer.concat([made, withChunk(new Uint8Array(33), type, body).subarray(33)]));
    return new Uint8Array(Buffer.concat([made, end]));
  }

  it('inflates no more than the header declares', () => {
    const png = declared(4, 4, bomb);
    const start = cpuMs();
    const { width, height, data } = decodePng(png);
    expect([width, height, data.length]).toEqual([4, 4, 64]);
    expect(cpuMs() - start).toBeLessThan(3000);
  });

  it.each([
    [1_000_000, 1_000_000, /1000000 by 1000000 pixels/],
    [2 ** 31 - 1, 1, /pixels/],
    [0, 8, /0 by 8 pixels/],
    [8192, 8192, /too few pixels/],
  ])('%i by %i is named', (width, height, message) => {
    const start = cpuMs();
    expect(() => decodePng(declared(width, height, packedZeros(100)))).toThrow(message);
    expect(cpuMs() - start).toBeLessThan(3000);
  });

  it('inflates to the byte what others packed, wherever its pieces end', () => {
    for (const length of [1, 4091, 4092, 4096, 70_001]) {
      const data = Uint8Array.from({ length }, (_, i) => (i * i * 31) >> 3);
      for (const level of [0, 9]) {
        const packed = new Uint8Array(deflateSync(data, { level }));
        for (const [most, more] of [
          [length, false],
          [length - 1, true],
        ] as const) {
          const made = inflate(packed, most);
          expect(Buffer.from(made.bytes).equals(data.subarray(0, most)), `${length} at level ${level}`).toBe(true);
          expect(made.more).toBe(more);
        }
      }
    }
    expect(() =>
      inflate(new Uint8Array(deflateSync(Buffer.alloc(99_999, 'ab12'), { level: 1 })).subarray(0, -40), 1e6),
    ).toThrow();
  });
});

it('is no PNG that does not begin with its header: nothing is written into it', () => {
  const png = encodePng({ width: 1, height: 1, data: new Uint8Array(4) });
  const headless = Uint8Array.from([...png.subarray(0, 8), ...png.subarray(33)]);
  for (const read of [readPngText, decodePng, (bytes: Uint8Array) => writePngText(bytes, { parameters: 'a' })])
    expect(() => read(headless)).toThrow(expect.objectContaining({ name: 'BadFile' }));
});

describe('parameters', () => {
  it.each<ParametersText>([
    { prompt: 'a cat', negativePrompt: '', fields: { Steps: '20', Sampler: 'Euler a', Seed: '42' } },
    {
      prompt: 'two\nlines, with: colons',
      negativePrompt: 'blurry,\nugly',
      fields: { Steps: '1', 'CFG scale': '7.5', Size: '96x96', Note: 'a, "quoted": b\nnew line' },
    },
    { prompt: '', negativePrompt: 'only this', fields: { Steps: '1', Seed: '2', Size: '8x8' } },
  ])('%j', (parameters) => {
    expect(parseParameters(formatParameters(parameters))).toEqual(parameters);
  });

  it("reads the web UI's own text", () => {
    const text =
      'masterpiece, (best:1.2)\nNegative prompt: lowres\nSteps: 28, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1234, Size: 512x768, Model hash: 6ce0161689, Model: v1-5, Version: v1.10.1';
    const { prompt, negativePrompt, fields } = parseParameters(text);
    expect([prompt, negativePrompt, fields.Seed, fields.Size, fields['Model hash']]).toEqual([
      'masterpiece, (best:1.2)',
      'lowres',
      '1234',
      '512x768',
      '6ce0161689',
    ]);
  });

  it('takes a prompt without fields as a prompt', () => {
    expect(parseParameters('a cat: the movie, part 2')).toEqual({
      prompt: 'a cat: the movie, part 2',
      negativePrompt: '',
      fields: {},
    });
  });
});
