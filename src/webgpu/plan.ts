/** What a run of a graph takes, decided before any buffer exists: dispatches in order, where every value lives, bytes by part. Pure.
 *
 *  WebGPU tracks usage per whole buffer: one dispatch may not bind a buffer both read-only and read-write. So activations live in
 *  slots, which are whole buffers, and a node's outputs and scratch never share a slot with one another or with its inputs. Things the
 *  host writes and no node does (parameters, inputs, constants) are packed into a few buffers at 256-byte offsets. */
import {
  bytesPerElement,
  type Dtype,
  type Graph,
  mutates,
  type Node,
  storageRoot,
  type Value,
} from '../graph/graph.ts';
import { flopsOf } from '../graph/flops.ts';
import { isOfTraining, type OpKind } from '../graph/ops.ts';
import type { Arithmetic } from '../shared/arithmetic.ts';
import { assert } from '../shared/assert.ts';
import { WinnowError } from '../shared/errors.ts';
import { sizeOf } from '../shared/shape.ts';
import { type Across, acrossIn } from './across.ts';
import { ALIGNMENT, type Dispatch, type LowerContext, type Operand, type Scratch } from './kernels/dispatch.ts';
import { lower } from './kernels/lower.ts';
import { dataOf } from './specialize.ts';
import { inTurns, type Turn } from './turns.ts';
import { inWindows } from './windows.ts';

export type PlanLimits = LowerContext['limits'] &
  Pick<GPUSupportedLimits, 'maxBufferSize' | 'maxStorageBuffersPerShaderStage'>;

/** The limits every WebGPU device has: for planning without one. */
export const DEFAULT_LIMITS: PlanLimits = {
  maxComputeWorkgroupsPerDimension: 65535,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxStorageBufferBindingSize: 128 * 2 ** 20,
  maxBufferSize: 256 * 2 ** 20,
  maxStorageBuffersPerShaderStage: 8,
};

export type MemoryPart = 'parameters' | 'state' | 'inputs' | 'activations';

export interface PlannedBuffer {
  label: string;
  bytes: number;
  part: MemoryPart;
  /** The value whose storage the caller brings. */
  bound?: Value;
  /** What it holds from the beginning on, and for good: what kernels take as data. */
  uniforms?: Uint32Array<ArrayBuffer>;
}

/** A range of a planned buffer, in bytes. */
export interface Place {
  buffer: number;
  offset: number;
  size: number;
}

export interface PlannedDispatch {
  node: Node;
  dispatch: Dispatch;
  /** Of a product (graph/flops.ts); of its sums and of all else 0. */
  flops: number;
  /** In binding order: reads, then writes, then its data if the kernel takes any. */
  places: Place[];
}

export interface Plan {
  graph: Graph;
  buffers: PlannedBuffer[];
  dispatches: PlannedDispatch[];
  bytes: Record<MemoryPart | 'total', number>;
  /** Where a value can be read or written after a run; undefined for one that had no need to outlive its last reader. */
  placeOf(value: Value): Place | undefined;
  /** First and last node (positions in the execution order) between which a slot's tenants must stay untouched. For tests and printPlan. */
  tenants: { buffer: number; name: string; bytes: number; first: number; last: number }[];
}

/** A limit of the adapter that a plan does not keep. */
export interface Exceeded {
  limit: 'maxBufferSize' | 'maxStorageBufferBindingSize';
  /** The buffer or tensor that is too large. */
  name: string;
  neededBytes: number;
  availableBytes: number;
}

export interface PlanOptions {
  limits?: PlanLimits;
  variant?: LowerContext['variant'];
  /** f16 for a graph of a forward pass alone; f32 if left out. */
  arithmetic?: Arithmetic | undefined;
  /** Values whose storage the caller brings; those that share one storage map to the same key. */
  bound?: ReadonlyMap<Value, unknown>;
  /** What one dispatch may take on; more runs in turns, to the same bits. Unlimited if left out. */
  maxFlops?: number;
  /** Told of every limit that is exceeded; by default the first one throws AdapterTooSmall. */
  onExceeded?: (exceeded: Exceeded) => void;
}

/** Packed buffers stay below this: one huge allocation is refused sooner than several middling ones. */
const CHUNK_BYTES = 64 * 2 ** 20;

const roundUp = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;
/** Whole vec4s, so that kernels may bind any tensor as array<vec4f>. */
export const bytesOf = (elements: number, dtype: Dtype = 'f32'): number =>
  Math.max(16, roundUp(elements * bytesPerElement[dtype], 16));
const bytesOfValue = ({ shape, dtype }: Value): number => bytesOf(sizeOf(shape), dtype);
const isScratch = (operand: Operand): operand is Scratch => 'scratch' in operand;

export function planGraph(
  graph: Graph,
  {
    limits = DEFAULT_LIMITS,
    variant = (_, options) => options[0]!,
    arithmetic = 'f32',
    bound = new Map(),
    maxFlops = Infinity,
    onExceeded = refuse,
  }: PlanOptions = {},
): Plan {
  const nodes = liveNodes(graph);
  if (arithmetic === 'f16') checkForward(nodes);
  const { values: across, rootOf } = acrossIn(graph, nodes, limits.maxStorageBufferBindingSize);
  const lowered = nodes.map((node) =>
    inWindows(node, limits.maxStorageBufferBindingSize).flatMap((piece) =>
      lowerNode(piece, { limits, variant, arithmetic, across }).flatMap((dispatch, i) =>
        inTurns(dispatch, dispatch.flops ?? (i === 0 ? flopsOf(piece) : 0), maxFlops),
      ),
    ),
  );
  const buffers: PlannedBuffer[] = [];
  const home = new Map<Value | Scratch, Place>();

  const add = (buffer: PlannedBuffer): number => {
    checkBuffer(buffer, limits, onExceeded);
    return buffers.push(buffer) - 1;
  };
  const own = (value: Value, part: MemoryPart): void => {
    const size = bytesOfValue(value);
    home.set(value, { buffer: add({ label: value.name, bytes: size, part }), offset: 0, size });
  };

  // ---- what outlives a run: storages the caller brings, states, and packed parameters, inputs and constants -----------------------
  const used = usedRoots(graph, nodes, rootOf);
  const byStorage = new Map<unknown, number>();
  for (const [value, storage] of bound) {
    assert(
      value.source.kind !== 'node' && value.source.kind !== 'view' && value.source.kind !== 'constant',
      `${value.name} cannot be bound to a storage`,
    );
    const size = bytesOfValue(value);
    let buffer = byStorage.get(storage);
    if (buffer === undefined) {
      buffer = add({ label: value.name, bytes: size, part: partOf(value), bound: value });
      byStorage.set(storage, buffer);
    }
    assert(
      buffers[buffer]!.bytes === size,
      `${value.name} and ${buffers[buffer]!.label} share a storage but differ in size`,
    );
    home.set(value, { buffer, offset: 0, size });
  }
  const written = new Set(nodes.flatMap((node) => mutates(node).map((value) => storageRoot(graph, value).root)));
  const packed: Record<MemoryPart, Value[]> = { parameters: [], inputs: [], state: [], activations: [] };
  for (const value of graph.values) {
    const { kind } = value.source;
    if (kind === 'node' || kind === 'view' || home.has(value)) continue;
    if (kind === 'state' || written.has(value)) own(value, partOf(value));
    else if (kind === 'parameter' || kind === 'input' || used.has(value)) packed[partOf(value)].push(value);
  }
  for (const part of ['parameters', 'inputs'] as const) {
    for (const chunk of chunks(packed[part], Math.min(CHUNK_BYTES, limits.maxBufferSize))) {
      const buffer = add({
        label: chunk.values.length === 1 ? chunk.values[0]!.name : `${part} (${chunk.values.length})`,
        bytes: chunk.bytes,
        part,
      });
      chunk.values.forEach((value, i) =>
        home.set(value, { buffer, offset: chunk.offsets[i]!, size: bytesOfValue(value) }),
      );
    }
  }

  // ---- activations and scratch: slots ---------------------------------------------------------------------------------------------
  const tenancies = lifetimes(graph, nodes, lowered, home, rootOf);
  const tenants: Plan['tenants'] = [];
  for (const slot of fillSlots(tenancies)) {
    const buffer = add({ label: `slot ${buffers.length}`, bytes: slot.bytes, part: 'activations' });
    for (const { item, name, bytes, first, last } of slot.tenants) {
      home.set(item, { buffer, offset: 0, size: bytes });
      tenants.push({ buffer, name, bytes, first, last });
    }
  }

  const placeOfRoot = (value: Value): Place | undefined => {
    const { root, offset } = rootOf(value);
    const place = home.get(root);
    if (!place) return undefined;
    if (root === value) return place;
    const bytes = offset * bytesPerElement[root.dtype];
    assert(
      bytes % ALIGNMENT === 0,
      `${value.name} begins at element ${offset} of ${root.name}, which is no multiple of ${ALIGNMENT / bytesPerElement[root.dtype]}`,
    );
    // A view's rounding to whole vec4s may reach into the gap before the next one, which alignment keeps free, but not past the end.
    return {
      buffer: place.buffer,
      offset: place.offset + bytes,
      size: Math.min(bytesOfValue(value), place.size - bytes),
    };
  };

  const uniforms = new Uniforms(lowered.flat().map(({ dispatch }) => dispatch));
  const uniformBuffer =
    uniforms.words.length > 0
      ? add({ label: 'shapes', bytes: uniforms.words.byteLength, part: 'inputs', uniforms: uniforms.words })
      : undefined;

  const dispatches = nodes.flatMap((node, at) =>
    lowered[at]!.map(({ dispatch, flops }): PlannedDispatch => {
      const places = [...dispatch.reads, ...dispatch.writes].map((operand) => {
        const place = isScratch(operand) ? home.get(operand) : placeOfRoot(operand);
        assert(place, `${node.name}: ${dispatch.kernel.name} binds ${operandName(operand)}, which has no storage`);
        return place;
      });
      checkDispatch(node, dispatch, places, limits, onExceeded);
      const uniform = uniforms.placeOf(dispatch);
      if (uniform) places.push({ buffer: uniformBuffer!, ...uniform });
      return { node, dispatch, flops, places };
    }),
  );

  const bytes = { parameters: 0, state: 0, inputs: 0, activations: 0, total: 0 };
  for (const buffer of buffers) {
    bytes[buffer.part] += buffer.bytes;
    bytes.total += buffer.bytes;
  }
  const kept = new Set([...graph.outputs.values()].map((value) => rootOf(value).root));
  return {
    graph,
    buffers,
    dispatches,
    bytes,
    tenants,
    placeOf(value) {
      const { root } = rootOf(value);
      return root.source.kind === 'node' && !kept.has(root) ? undefined : placeOfRoot(value);
    },
  };
}

/** Whatever is trained, or held against it, is computed in f32. */
function checkForward(nodes: readonly Node[]): void {
  const found = nodes.find(({ op }) => isOfTraining(op));
  assert(!found, `${found?.name} is a ${found?.op}: a graph in f16 is a forward pass outside the loss`);
}

/** What kernels take as data, one behind another, each content once. */
class Uniforms {
  readonly words: Uint32Array<ArrayBuffer>;
  private readonly places = new Map<Dispatch, Omit<Place, 'buffer'>>();

  constructor(dispatches: readonly Dispatch[]) {
    const offsets = new Map<string, number>();
    const contents: { words: Uint32Array; offset: number }[] = [];
    let end = 0;
    for (const dispatch of dispatches) {
      const words = dataOf(dispatch);
      if (!words) continue;
      const size = roundUp(words.byteLength, 16);
      const key = words.join();
      let offset = offsets.get(key);
      if (offset === undefined) {
        offset = roundUp(end, ALIGNMENT);
        offsets.set(key, offset);
        contents.push({ words, offset });
        end = offset + size;
      }
      this.places.set(dispatch, { offset, size });
    }
    this.words = new Uint32Array(end / 4);
    for (const { words, offset } of contents) this.words.set(words, offset / 4);
  }

  placeOf(dispatch: Dispatch): Omit<Place, 'buffer'> | undefined {
    return this.places.get(dispatch);
  }
}

/** Nodes that an output, a placement or a mutation depends on, in the graph's order. */
function liveNodes(graph: Graph): Node[] {
  const wanted = new Set<Node>();
  const want = (value: Value): void => {
    if (value.source.kind === 'node') wanted.add(value.source.node);
  };
  for (const value of graph.outputs.values()) want(value);
  for (const value of graph.placements.keys()) want(value);
  const live: Node[] = [];
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i]!;
    if (!wanted.has(node) && mutates(node).length === 0) continue;
    live.push(node);
    node.inputs.forEach(want);
  }
  return live.toReversed();
}

function usedRoots(graph: Graph, nodes: readonly Node[], rootOf: Across['rootOf']): Set<Value> {
  const used = new Set<Value>();
  for (const node of nodes) for (const value of node.inputs) used.add(rootOf(value).root);
  for (const value of graph.outputs.values()) used.add(rootOf(value).root);
  return used;
}

function partOf(value: Value): MemoryPart {
  switch (value.source.kind) {
    case 'parameter':
      return 'parameters';
    case 'state':
    case 'view':
      return 'state';
    case 'input':
    case 'constant':
      return 'inputs';
    case 'node':
      return 'activations';
    default:
      return value.source satisfies never;
  }
}

/** Values laid out one behind another at aligned offsets, in as few buffers of at most `limit` bytes as their order allows. */
function chunks(values: readonly Value[], limit: number): { values: Value[]; offsets: number[]; bytes: number }[] {
  const made: { values: Value[]; offsets: number[]; bytes: number }[] = [];
  for (const value of values) {
    const size = bytesOfValue(value);
    let chunk = made.at(-1);
    if (!chunk || roundUp(chunk.bytes, ALIGNMENT) + size > limit) {
      chunk = { values: [], offsets: [], bytes: 0 };
      made.push(chunk);
    }
    const offset = roundUp(chunk.bytes, ALIGNMENT);
    chunk.values.push(value);
    chunk.offsets.push(offset);
    chunk.bytes = offset + size;
  }
  return made;
}

interface Tenancy {
  item: Value | Scratch;
  name: string;
  bytes: number;
  /** Positions of nodes in the execution order; both ends included, so that a node's inputs, outputs and scratch never meet. */
  first: number;
  last: number;
}

/** When every value or scratch without a storage of its own must exist. */
function lifetimes(
  graph: Graph,
  nodes: readonly Node[],
  lowered: readonly Turn[][],
  home: ReadonlyMap<Value | Scratch, Place>,
  rootOf: Across['rootOf'],
): Tenancy[] {
  const found = new Map<Value | Scratch, Tenancy>();
  nodes.forEach((node, at) => {
    for (const value of [...node.inputs, ...node.outputs]) {
      const { root } = rootOf(value);
      if (home.has(root)) continue;
      const tenancy = found.get(root);
      if (tenancy) tenancy.last = at;
      else found.set(root, { item: root, name: root.name, bytes: bytesOfValue(root), first: at, last: at });
    }
    for (const operand of lowered[at]!.flatMap(({ dispatch }) => [...dispatch.reads, ...dispatch.writes])) {
      // A value that the graph does not know is one that the pieces of a node hand one another (windows.ts).
      const item = isScratch(operand) ? operand : rootOf(operand).root;
      if (home.has(item) || found.has(item)) continue;
      found.set(item, {
        item,
        name: isScratch(item) ? `${node.name} ${item.scratch}` : item.name,
        bytes: isScratch(item) ? bytesOf(item.elements) : bytesOfValue(item),
        first: at,
        last: at,
      });
    }
  });
  for (const value of graph.outputs.values()) {
    const tenancy = found.get(rootOf(value).root);
    if (tenancy) tenancy.last = Infinity;
  }
  return [...found.values()];
}

/** Greedy by size: the largest first, each into the first slot that is free all its life. The first tenant sets the slot's size. */
function fillSlots(tenancies: readonly Tenancy[]): { bytes: number; tenants: Tenancy[] }[] {
  const slots: { bytes: number; tenants: Tenancy[] }[] = [];
  const ordered = [...tenancies].sort((a, b) => b.bytes - a.bytes || a.first - b.first);
  for (const tenancy of ordered) {
    const free = slots.find((slot) =>
      slot.tenants.every((other) => other.last < tenancy.first || tenancy.last < other.first),
    );
    if (free) free.tenants.push(tenancy);
    else slots.push({ bytes: tenancy.bytes, tenants: [tenancy] });
  }
  return slots;
}

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 20 ? 2 : 0)} MiB`;

/** What each limit is about. */
const meaning = {
  maxBufferSize: (needed: string, more: string, available: string) =>
    `needs a buffer of ${needed}, ${more} more than this GPU allows (${available})`,
  maxStorageBufferBindingSize: (needed: string, more: string, available: string) =>
    `needs ${needed} in one binding, ${more} more than this GPU lets a shader see at once (${available})`,
} satisfies Record<Exceeded['limit'], unknown>;

const smaller = 'Use a smaller image size, a smaller batch or a smaller model.';

export function adapterTooSmall({ limit, name, neededBytes, availableBytes }: Exceeded, remedy = smaller): WinnowError {
  return new WinnowError(
    'AdapterTooSmall',
    `${name} ${meaning[limit](mib(neededBytes), mib(neededBytes - availableBytes), mib(availableBytes))}.`,
    remedy,
  );
}

function refuse(exceeded: Exceeded): void {
  throw adapterTooSmall(exceeded);
}

/** By default throws AdapterTooSmall for a buffer beyond the adapter's limit. */
export function checkBuffer(
  { label, bytes }: Pick<PlannedBuffer, 'label' | 'bytes'>,
  { maxBufferSize }: Pick<PlanLimits, 'maxBufferSize'>,
  onExceeded = refuse,
): void {
  if (bytes > maxBufferSize)
    onExceeded({ limit: 'maxBufferSize', name: label, neededBytes: bytes, availableBytes: maxBufferSize });
}

const operandName = (operand: Operand): string => (isScratch(operand) ? operand.scratch : operand.name);

/** The rules a dispatch must keep, so that a broken lowering fails here and not in the driver. */
function checkDispatch(
  node: Node,
  { kernel, reads, writes, workgroups }: Dispatch,
  places: readonly Place[],
  limits: PlanLimits,
  onExceeded: (exceeded: Exceeded) => void,
): void {
  const where = `${node.name}: ${kernel.name}`;
  const operands = [...reads, ...writes];
  assert(
    operands.length <= limits.maxStorageBuffersPerShaderStage,
    `${where} binds ${operands.length} buffers, this GPU allows ${limits.maxStorageBuffersPerShaderStage}`,
  );
  assert(
    workgroups.every((n) => Number.isInteger(n) && n > 0),
    `${where}: the grid is ${workgroups.join(' x ')}`,
  );
  // Beyond about four million pixels: the tiles of a product are not folded.
  if (workgroups.some((n) => n > limits.maxComputeWorkgroupsPerDimension)) {
    throw new WinnowError(
      'AdapterTooSmall',
      `${where} needs ${Math.max(...workgroups)} workgroups side by side, this GPU runs ${limits.maxComputeWorkgroupsPerDimension}.`,
      smaller,
    );
  }
  places.forEach((place, i) => {
    const { maxStorageBufferBindingSize } = limits;
    if (place.size > maxStorageBufferBindingSize) {
      onExceeded({
        limit: 'maxStorageBufferBindingSize',
        name: operandName(operands[i]!),
        neededBytes: place.size,
        availableBytes: maxStorageBufferBindingSize,
      });
    }
    for (let j = Math.max(i + 1, reads.length); j < places.length; j++) {
      const other = places[j]!;
      if (other.buffer !== place.buffer) continue;
      // Two writes may share a buffer where they do not overlap; a read and a write may not.
      const apart =
        i >= reads.length && (place.offset + place.size <= other.offset || other.offset + other.size <= place.offset);
      assert(
        apart,
        `${where} writes ${operandName(operands[j]!)} and ${i < reads.length ? 'reads' : 'writes'} ${operandName(operands[i]!)}, which lie in one buffer`,
      );
    }
  });
}

/** The plan as text: bytes by part, buffers, then one line a dispatch. */
export function printPlan(plan: Plan): string {
  const { parameters, state, inputs, activations, total } = plan.bytes;
  const unslotted = plan.tenants.reduce((sum, tenant) => sum + tenant.bytes, 0);
  return [
    `total ${mib(total)}: parameters ${mib(parameters)}, state ${mib(state)}, inputs ${mib(inputs)}, activations ${mib(activations)} (${mib(unslotted)} without reuse)`,
    ...plan.buffers.map((buffer, i) => `#${i} ${buffer.part} ${buffer.bytes} B  ${buffer.label}`),
    ...plan.dispatches.map(({ node, dispatch, places }) => {
      const place = ({ buffer, offset }: Place): string => `#${buffer}${offset ? `+${offset}` : ''}`;
      const reads = places.slice(0, dispatch.reads.length).map(place).join(' ');
      const writes = places.slice(dispatch.reads.length).map(place).join(' ');
      return `${dispatch.kernel.name} [${dispatch.workgroups.join(',')}] ${reads} -> ${writes}  # ${node.name}`;
    }),
  ].join('\n');
}

/** Lowered dispatches of one node, for tests of a single kernel. */
export function lowerNode<K extends OpKind>(node: Node<K>, context: LowerContext): Dispatch[] {
  return (lower[node.op] as (node: Node<K>, context: LowerContext) => Dispatch[])(node, context);
}
