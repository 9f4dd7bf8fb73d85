/** Constants are replaced by type, and a name the file lacks is an error; data is read from a uniform. */
import { expect, it } from 'vitest';
import { withData } from './kernels/dispatch.ts';
import { dataOf, moduleOf, specialize } from './specialize.ts';

const kernel = {
  name: 'k',
  code: 'const ROWS = 8u;\nconst PAD: i32 = 1;\nconst EPS: f32 = 1e-5;\nconst SCALE = 1.0f;\nconst BIAS = false;\nconst N = 4;\nlet ROWS_BELOW = ROWS;',
};

it.each([
  [{ ROWS: 16 }, 'const ROWS = 16u;'],
  [{ PAD: -2 }, 'const PAD: i32 = -2i;'],
  [{ EPS: 1 }, 'const EPS: f32 = f32(1);'],
  [{ SCALE: 1e-12 }, `const SCALE = f32(${Math.fround(1e-12)});`],
  [{ BIAS: true }, 'const BIAS = true;'],
  [{ N: 7 }, 'const N = 7;'],
])('%j', (constants, line) => {
  const code = specialize(kernel, constants as Record<string, number | boolean>);
  expect(code.split('\n')).toContain(line);
  expect(code).toContain('let ROWS_BELOW = ROWS;');
});

it.each([
  [{ COLUMNS: 1 }, 'no line `const COLUMNS'],
  [{ ROWS: -1 }, 'ROWS is a u32'],
  [{ ROWS: 1.5 }, 'ROWS is a u32'],
  [{ SCALE: Infinity }, 'no finite f32'],
  [{ BIAS: 1 }, 'BIAS is a bool'],
])('refuses %j', (constants, message) => {
  expect(() => specialize(kernel, constants as Record<string, number | boolean>)).toThrow(message);
});

const shaped = {
  name: 'k',
  code: [
    'const ROWS = 8u;',
    'const SCALE: f32 = 1e-5;',
    'const SHIFT: i32 = 1;',
    'const BIAS = false;',
    'const AREA: u32 = ROWS * ROWS;',
    'fn below(i: u32) -> bool { return i < AREA + ROWS; }',
    'fn main(@builtin(num_workgroups) grid: vec3u) { if (below(AREA)) { return; } }',
  ].join('\n'),
};
const dispatched = { reads: [], writes: [{ scratch: 'y', elements: 4 }], workgroups: [1, 1, 1] } as const;

it('reads data from a uniform behind the operands: by name in main, from it elsewhere, and what is computed from it too', () => {
  const kernel = withData(withData(shaped, 'ROWS', 'SCALE'), 'SHIFT');
  const constants = { ROWS: 5, SHIFT: -2, BIAS: true };
  expect(
    moduleOf({ kernel, constants, ...dispatched })
      .split('\n')
      .filter(Boolean),
  ).toEqual([
    'const BIAS = true;',
    'fn below(i: u32) -> bool { return i < (shape.ROWS * shape.ROWS) + shape.ROWS; }',
    'fn main(@builtin(num_workgroups) grid: vec3u) { let ROWS = shape.ROWS; let SCALE = shape.SCALE; let SHIFT = shape.SHIFT; let AREA = ROWS * ROWS; if (below(AREA)) { return; } }',
    'struct Shape { ROWS: u32, SCALE: f32, SHIFT: i32 }',
    '@group(0) @binding(1) var<uniform> shape: Shape;',
  ]);
  const words = dataOf({ kernel, constants })!;
  expect([words[0], new Float32Array(words.buffer)[1], new Int32Array(words.buffer)[2]]).toEqual([
    5,
    Math.fround(1e-5),
    -2,
  ]);
});

it('takes no uniform where a kernel has no data', () => {
  expect(dataOf({ kernel: shaped, constants: { ROWS: 5 } })).toBeNull();
  expect(moduleOf({ kernel: shaped, constants: { ROWS: 5 }, ...dispatched })).toBe(specialize(shaped, { ROWS: 5 }));
});

it.each([
  [['COLUMNS'], {}, 'no line `const COLUMNS'],
  [['BIAS'], {}, 'BIAS is a bool, which is no data'],
  [['ROWS'], { ROWS: 1.5 }, 'ROWS is a u32'],
])('refuses %j as data with %j', (names, constants, message) => {
  expect(() => dataOf({ kernel: withData(shaped, ...names), constants })).toThrow(message);
});
