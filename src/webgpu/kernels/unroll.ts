/** Writes out the short inner loops of a kernel: `for (var c = 0u; c < NAME; c++) { … }` becomes COUNT copies of its body with c constant.
 *
 *  WGSL has no unrolling of its own. With constant indices, arrays like `o0[c]` become registers (SwiftShader: a vec4 read from such an
 *  array falls from 10 ns to nothing, its update from 30 ns to 5, and the loop's own 25 ns a turn go; GPUs need it as much). */
import { assert } from '../../shared/assert.ts';
import type { KernelSource } from './dispatch.ts';

const unrolled = new Map<string, KernelSource>();

/** The kernel with all loops to the constant NAME written out `count` times. */
export function unroll(kernel: KernelSource, name: string, count: number): KernelSource {
  const key = `${name}=${count} ${kernel.data?.join() ?? ''}\n${kernel.code}`;
  let found = unrolled.get(key);
  if (!found) unrolled.set(key, (found = { ...kernel, code: unrollLoops(kernel.code, name, count) }));
  return found;
}

function unrollLoops(code: string, name: string, count: number): string {
  const head = new RegExp(`for \\(var (\\w+) = 0u; \\1 < ${name}; \\1\\+\\+\\) \\{`);
  for (;;) {
    const match = head.exec(code);
    if (!match) return code;
    const start = match.index + match[0].length;
    const end = closingBrace(code, start);
    const body = code.slice(start, end);
    assert(!/\b(break|continue)\b/.test(body), `a loop to ${name} leaves early, so it cannot be written out`);
    const copies = Array.from({ length: count }, (_, i) => `{ const ${match[1]!} = ${i}u;${body}}`);
    code = code.slice(0, match.index) + copies.join('\n') + code.slice(end + 1);
  }
}

/** Position of the brace that closes the one before `from`. */
export function closingBrace(code: string, from: number): number {
  let depth = 1;
  for (let i = from; i < code.length; i++) {
    if (code[i] === '{') depth++;
    else if (code[i] === '}' && --depth === 0) return i;
  }
  throw new Error('a loop without its closing brace');
}
