/** Constants are replaced by type, and a name the file lacks is an error. */
import { expect, it } from 'vitest';
import { specialize } from './specialize.ts';

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
