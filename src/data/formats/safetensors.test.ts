import { describe, expect, it } from 'vitest';
import { decodeF16, encodeBF16, encodeF16 } from '../../shared/float16.ts';
import { openSafetensors, streamSafetensors, writeSafetensors } from './safetensors.ts';

const good = (): Uint8Array =>
  writeSafetensors(
    {
      'b.half': { shape: [3], data: new Float32Array([1, -0.5, 65504]), dtype: 'F16' },
      'a.full': { shape: [2, 2], data: new Float32Array([1, 2, 3, Math.PI]) },
      'c.brain': { shape: [], data: new Float32Array([3.140625]), dtype: 'BF16' },
      'd.ids': { shape: [2], data: new Int32Array([-7, 2 ** 30]) },
      'e.empty': { shape: [0, 4], data: new Float32Array(0) },
    },
    { format: 'pt' },
  );

/** A file whose header is `json`, followed by `bytes` zeros. */
function handmade(json: string, bytes: number): Uint8Array {
  const header = new TextEncoder().encode(json);
  const out = new Uint8Array(8 + header.length + bytes);
  new DataView(out.buffer).setBigUint64(0, BigInt(header.length), true);
  out.set(header, 8);
  return out;
}

describe('safetensors', () => {
  it.each([
    ['bytes', (b: Uint8Array) => b],
    ['a Buffer', (b: Uint8Array) => Buffer.concat([Buffer.from('x'), b]).subarray(1)],
    ['a Blob', (b: Uint8Array) => new Blob([b as Uint8Array<ArrayBuffer>])],
    [
      'ranges at an odd offset',
      (b: Uint8Array) => {
        const shifted = new Uint8Array(b.length + 1);
        shifted.set(b, 1);
        return {
          size: b.length,
          read: (start: number, end: number) => Promise.resolve(shifted.subarray(start + 1, end + 1)),
        };
      },
    ],
  ])('reads from %s what it wrote', async (_, source) => {
    const file = await openSafetensors(source(good()));
    expect(file.metadata).toEqual({ format: 'pt' });
    expect(file.names).toEqual(['a.full', 'd.ids', 'e.empty', 'b.half', 'c.brain']);
    expect(file.shape('a.full')).toEqual([2, 2]);
    expect([...(await file.read('a.full'))]).toEqual([1, 2, 3, Math.fround(Math.PI)]);
    expect([...(await file.read('b.half'))]).toEqual([1, -0.5, 65504]);
    expect([...(await file.read('c.brain'))]).toEqual([3.140625]);
    expect([...(await file.readInt32('d.ids'))]).toEqual([-7, 2 ** 30]);
    expect((await file.read('e.empty')).length).toBe(0);
  });

  it('reads rows of a tensor, and only their bytes', async () => {
    const bytes = writeSafetensors({
      full: { shape: [3, 2], data: new Float32Array([0, 1, 2, 3, 4, 5]) },
      half: { shape: [3], data: new Float32Array([1, 2, 4]), dtype: 'F16' },
    });
    let read = 0;
    const file = await openSafetensors({
      size: bytes.length,
      read: async (start, end) => ((read += end - start), bytes.subarray(start, end)),
    });
    read = 0;
    expect([...(await file.read('full', [1, 3]))]).toEqual([2, 3, 4, 5]);
    expect([...(await file.readHalf('half', [2, 3]))]).toEqual([...encodeF16(new Float32Array([4]))]);
    expect(read).toBe(16 + 2);
  });

  it('streams the bytes that it writes whole, one tensor at a time', async () => {
    const numbers = {
      a: new Float32Array([1, 2, 3, 4]),
      b: new Float32Array([0.1, 65504]),
      c: new Float32Array([3.140625]),
      none: new Float32Array(),
    };
    const dtypes = { a: 'F32', b: 'F16', c: 'BF16', none: 'F32' } as const;
    const shapes = { a: [2, 2], b: [2], c: [], none: [0] };
    const names = ['c', 'none', 'b', 'a'] as const;
    const written: number[] = [];
    const order: string[] = [];
    const size = await streamSafetensors(
      names.map((name) => ({
        name,
        shape: shapes[name],
        dtype: dtypes[name],
        data: async () => {
          order.push(name);
          // Bits pass as they are.
          return name === 'c' ? encodeBF16(numbers.c) : numbers[name];
        },
      })),
      { format: 'pt' },
      async (bytes) => {
        written.push(...bytes);
        order.push('written');
      },
    );
    const whole = writeSafetensors(
      Object.fromEntries(
        names.map((name) => [name, { shape: shapes[name], data: numbers[name], dtype: dtypes[name] }]),
      ),
      { format: 'pt' },
    );
    expect(Uint8Array.from(written)).toEqual(whole);
    expect(size).toBe(whole.length);
    expect(order).toEqual(['written', 'a', 'written', 'none', 'written', 'b', 'written', 'c', 'written']);
  });

  it('reads int64', async () => {
    const file = handmade('{"x":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}}', 16);
    new DataView(file.buffer).setBigInt64(file.length - 16, -3n, true);
    expect([...(await (await openSafetensors(file)).readInt32('x'))]).toEqual([-3, 0]);
    expect([...(await (await openSafetensors(file)).read('x'))]).toEqual([-3, 0]);
  });

  const tensor = (dtype: string, shape: number[], offsets: number[]): string =>
    JSON.stringify({ x: { dtype, shape, data_offsets: offsets } });
  it.each<[string, string, Uint8Array]>([
    ['NotSafetensors', 'an empty file', new Uint8Array()],
    ['NotSafetensors', 'text', new TextEncoder().encode('this is just some text, long enough')],
    ['NotSafetensors', 'a header that is not JSON', handmade('{"x":', 0)],
    [
      'NotSafetensors',
      'a header that is nested 200,000 levels deep',
      handmade(`{"x":{"dtype":"F32","shape":${'['.repeat(200_000)}${']'.repeat(200_000)},"data_offsets":[0,4]}}`, 4),
    ],
    ['NotSafetensors', 'a shape of many axes', handmade(tensor('F32', Array<number>(1e5).fill(1), [0, 4]), 4)],
    ['NotSafetensors', 'a shape whose size is no exact number', handmade(tensor('F32', [2 ** 40, 2 ** 40], [0, 4]), 4)],
    [
      'NotSafetensors',
      'a name of a million letters',
      handmade(JSON.stringify({ ['x'.repeat(1e6)]: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }), 4),
    ],
    ['NotSafetensors', 'offsets that do not fit the shape', handmade(tensor('F32', [2], [0, 4]), 4)],
    ['NotSafetensors', 'a hole', handmade(tensor('F32', [1], [4, 8]), 8)],
    ['NotSafetensors', 'bytes left over', handmade(tensor('F32', [1], [0, 4]), 5)],
    [
      'NotSafetensors',
      'an LFS pointer',
      new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n'),
    ],
    ['BadFile', 'a dtype of the future', handmade(tensor('F4', [1], [0, 1]), 1)],
    ['BadFile', 'a dtype by a name that every object has', handmade(tensor('constructor', [1], [0, 1]), 1)],
    ['PickleRefused', 'a zip of pickles', new Uint8Array([0x50, 0x4b, 3, 4, ...Array<number>(60).fill(1)])],
    ['PickleRefused', 'a bare pickle', new Uint8Array([0x80, 2, ...Array<number>(60).fill(1)])],
    ['TruncatedFile', 'a cut tensor', good().subarray(0, -1)],
    ['TruncatedFile', 'a cut header', good().subarray(0, 100)],
    ['TruncatedFile', 'a cut length', good().subarray(0, 5)],
  ])('names %s: %s', async (name, _, bytes) => {
    await expect(openSafetensors(bytes)).rejects.toMatchObject({ name });
  });

  it('names MissingTensor', async () => {
    await expect((await openSafetensors(good())).read('z')).rejects.toMatchObject({ name: 'MissingTensor' });
  });
});

describe('half floats', () => {
  it('every f16 survives the way there and back', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i).filter(
      (half) => (half & 0x7c00) !== 0x7c00 || (half & 0x3ff) === 0,
    );
    expect(encodeF16(decodeF16(all))).toEqual(all);
  });

  // Expected words from torch.tensor(x).to(torch.float16 / bfloat16).view(torch.int16).
  it('rounds to nearest, ties to even', () => {
    const values = new Float32Array([
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
      65519,
      65520,
      2 ** -25,
      1.5 * 2 ** -24,
      2 ** -14 - 2 ** -26,
      -1e-9,
      NaN,
      -Infinity,
    ]);
    expect([...encodeF16(values)]).toEqual([0x3c00, 0x3c02, 0x7bff, 0x7c00, 0, 2, 0x400, 0x8000, 0x7e00, 0xfc00]);
    expect([...encodeBF16(new Float32Array([1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, -1]))]).toEqual([
      0x3f80, 0x3f82, 0x7f80, 0xbf80,
    ]);
  });
});
