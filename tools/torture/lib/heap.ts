/** What a program holds in a JavaScript heap: all of a heap snapshot but what the machine made for itself. V8 compiles whatever runs often to
 *  ever better code, which grows for hours, ever less, and is most of a small heap; it is not what anybody forgot to let go. */
import type { PipedPage } from './browser.ts';

interface Snapshot {
  snapshot: { meta: { node_fields: string[]; node_types: [string[], ...unknown[]] } };
  nodes: number[];
  strings: string[];
}

export interface Heap {
  /** Bytes of objects, arrays, strings, closures and numbers. */
  held: number;
  /** Bytes in array buffers, a wasm module's memory among them. */
  buffers: number;
  /** Bytes of all that is used, compiled code among it, as the browser counts them. */
  used: number;
  /** Of what is held, bytes by the type and name of things. */
  kinds: Map<string, number>;
}

/** V8's own: bytecode, machine code, what it has seen of types, the shapes of objects; and what lies outside the heap: DOM, wasm modules. */
const own = new Set(['code', 'object shape', 'native', 'hidden', 'synthetic']);
const strings = new Set(['string', 'concatenated string', 'sliced string']);

export async function measureHeap(page: PipedPage, session: string | undefined): Promise<Heap> {
  const { snapshot, nodes, strings: names } = JSON.parse(await page.heapSnapshot(session)) as Snapshot;
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, name, size] = ['type', 'name', 'self_size'].map((field) => fields.indexOf(field)) as [
    number,
    number,
    number,
  ];
  const kinds = new Map<string, number>();
  let buffers = 0;
  for (let at = 0; at < nodes.length; at += fields.length) {
    const typeOf = types[0][nodes[at + type]!]!;
    const named = names[nodes[at + name]!]!;
    if (named === 'system / JSArrayBufferData') buffers += nodes[at + size]!;
    if (own.has(typeOf)) continue;
    const kind = strings.has(typeOf) ? 'string' : `${typeOf} ${named.slice(0, 60)}`;
    kinds.set(kind, (kinds.get(kind) ?? 0) + nodes[at + size]!);
  }
  const { usedSize: used } = await page.send<{ usedSize: number }>('Runtime.getHeapUsage', {}, session);
  return { held: [...kinds.values()].reduce((sum, bytes) => sum + bytes, 0), buffers, used, kinds };
}

/** The kinds of things that grew most, in words. */
export function grownMost(before: Heap, after: Heap): string {
  const grown = [...after.kinds].map(([kind, bytes]) => [kind, bytes - (before.kinds.get(kind) ?? 0)] as const);
  return grown
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, 5)
    .map(([kind, bytes]) => `${kind} +${bytes}`)
    .join(', ');
}
