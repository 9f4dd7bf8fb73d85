/** The caller of closures against the one that emscripten compiles of the same text, and onnxruntime's own loaders. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { emvalCaller } from './emvalCaller.ts';
import { withoutEval } from './vite-ort-assets.ts';

type Names = Record<string, (...values: unknown[]) => unknown>;

class Made {
  readonly given: readonly unknown[];
  constructor(...given: unknown[]) {
    this.given = given;
  }
  method(...given: unknown[]): unknown {
    return [...this.given, ...given];
  }
}
const handles: unknown[] = [(...given: unknown[]) => ['called', ...given], Made, new Made('kept')];

/** Memory holds its own addresses. */
const names: Names = {
  toValue: (handle) => handles[handle as number],
  getStringOrSymbol: () => 'method',
  toReturnWire: (...wire) => wire,
  emval_returnValue: (wire, destructors, value) => [(wire as Names[string])('wire'), destructors, value],
  argFromPtr0: (at) => `at ${String(at)}`,
  argFromPtr1: (at) => Number(at) * 2,
};

const lists = ['', 'argFromPtr0(args)', 'argFromPtr0(args),argFromPtr1(args+8)'];
const callees: [string, number][] = [
  ['toValue(handle)', 0],
  ['new (toValue(handle))', 1],
  ['toValue(handle)[getStringOrSymbol(methodName)]', 2],
  ['', 0],
];

describe.each(callees)('%s', (callee, handle) => {
  it.each(lists.filter((list) => callee || list))('(%s)', (list) => {
    for (const returns of [true, false]) {
      const call = `${callee}(${list})`;
      const body = returns ? `return emval_returnValue(toReturnWire, destructorsRef, ${call})` : call;
      const text = `return function (handle, methodName, destructorsRef, args) {\n  ${body}\n  }`;
      // oxlint-disable-next-line typescript/no-implied-eval -- what emscripten does, to compare with
      const compiled = new Function(...Object.keys(names), text)(...Object.values(names)) as typeof emvalCaller;
      const given = [handle, 7, 9, 16] as const;
      const expected = (compiled as unknown as (...all: typeof given) => unknown)(...given);
      expect(emvalCaller(names, text)(...given)).toEqual(expected);
    }
  });
});

it('refuses a text that it does not know', () => {
  expect(() => emvalCaller(names, 'return function (handle) { alert(handle) }')).toThrow('unknown kind');
});

it.each(['', '.jspi', '.asyncify'])('onnxruntime%s is loaded without code of text', (build) => {
  const path = join(import.meta.dirname, `../node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded${build}.mjs`);
  const loader = readFileSync(path, 'utf8');
  const patched = withoutEval(loader);
  expect(patched).not.toMatch(/new Function|\beval\(/);
  expect(patched === loader).toBe(build === '');
});
