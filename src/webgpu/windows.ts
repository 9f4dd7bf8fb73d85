/** Cuts a node whose values are larger than one binding may be into nodes of the same ops over windows of them: rows of a product, groups of a
 *  norm, channels of a convolution (sums over input channels are added up in place). A window is a range of one buffer, so a value is stored as
 *  it always is, and a graph is what it was; where nothing is too large, so are its dispatches. Pure; docs/decisions/windows.md. */
import { bytesPerElement, isOp, type Node, type Value } from '../graph/graph.ts';
import type { OpKind, OpParams } from '../graph/ops.ts';
import { axes4, type Shape, sizeOf } from '../shared/shape.ts';
import { ALIGNMENT } from './kernels/dispatch.ts';

/** Rows, channels or groups [first, first + length). */
interface Run {
  first: number;
  length: number;
}

/** Nodes that together do what `node` does, in order, each of which binds at most `maxBytes` of a value; the node itself where it does, and where
 *  its op knows no cut or the shapes allow none. Values that no graph knows pass between them. */
export function inWindows(node: Node, maxBytes: number): readonly Node[] {
  if ([...node.inputs, ...node.outputs].every((value) => bytes(value) <= maxBytes)) return [node];
  const pieces = new Pieces(node, maxBytes);
  return cut(node, pieces) && pieces.nodes.every(mayBegin) ? pieces.nodes : [node];
}

/** Whether all that a node binds begins where a binding may; a block of a weight is bound with what lies before it. */
const mayBegin = ({ inputs, outputs }: Node): boolean =>
  [...inputs, ...outputs].every(
    ({ source, dtype }) =>
      source.kind !== 'view' ||
      source.rowStride !== undefined ||
      (source.offset * bytesPerElement[dtype]) % ALIGNMENT === 0,
  );

const bytes = ({ shape, dtype }: Value): number => bytesPerElement[dtype] * sizeOf(shape);

class Pieces {
  readonly nodes: Node[] = [];
  private readonly node: Node;
  private readonly maxBytes: number;

  constructor(node: Node, maxBytes: number) {
    this.node = node;
    this.maxBytes = maxBytes;
  }

  /** Runs of about equal length that make up [0, count), such that of every value, of which one takes so many bytes, a run fits a binding and
   *  begins where one may; undefined if there are none. */
  runs(count: number, ...bytesOfOne: number[]): Run[] | undefined {
    // Powers of two.
    const unit = Math.max(...bytesOfOne.map((size) => ALIGNMENT / commonPower(size)));
    const most = Math.floor(this.maxBytes / Math.max(...bytesOfOne) / unit) * unit;
    if (count * Math.max(...bytesOfOne) <= this.maxBytes) return [{ first: 0, length: count }];
    if (most === 0) return undefined;
    const length = Math.ceil(count / Math.ceil(count / most) / unit) * unit;
    return Array.from({ length: Math.ceil(count / length) }, (_, i) => ({
      first: i * length,
      length: Math.min(length, count - i * length),
    }));
  }

  add<K extends OpKind>(op: K, params: OpParams[K], inputs: readonly Value[], outputs: readonly Value[]): void {
    const { id, name } = this.node;
    this.nodes.push({ id, name, op, params, inputs, outputs });
  }

  /** Elements from `offset` on, as a tensor of this shape. */
  window(of: Value, offset: number, shape: Shape, rowStride?: number): Value {
    if (sizeOf(shape) === sizeOf(of.shape) && offset === 0 && shape.length === of.shape.length) return of;
    return { ...of, shape, source: { kind: 'view', of, offset, ...(rowStride !== undefined && { rowStride }) } };
  }

  /** The same of something small, which is copied where no binding may begin there. */
  part(of: Value, { first, length }: Run): Value {
    if ((first * bytesPerElement[of.dtype]) % ALIGNMENT === 0) return this.window(of, first, [length]);
    const copy = this.passed(`${of.name} ${first}`, [length]);
    this.add('slice', { axis: 0, start: first, length }, [of], [copy]);
    return copy;
  }

  /** A value that only these nodes know. */
  passed(name: string, shape: Shape): Value {
    const { node } = this;
    return { id: -1, shape, dtype: 'f32', name: `${node.name} ${name}`, source: { kind: 'node', node, output: -1 } };
  }

  /** The rows of `rowwise` inputs and of the only output, the other inputs whole. */
  byRows(rowwise: ReadonlySet<Value>): boolean {
    const { op, params, inputs } = this.node;
    const output = this.node.outputs[0]!;
    const runs = this.runs(rowsOf(output), ...[...rowwise, output].map(rowBytes));
    if (!runs) return false;
    for (const run of runs)
      this.add(
        op,
        params,
        inputs.map((value) => (rowwise.has(value) ? this.rows(value, run) : value)),
        [this.rows(output, run)],
      );
    return true;
  }

  rows(value: Value, { first, length }: Run): Value {
    const width = value.shape.at(-1)!;
    return this.window(value, first * width, [length, width]);
  }

  /** Sums over rows: of the first ones into `totals`, of others beside them and then added. */
  summed(
    rowwise: readonly Value[],
    totals: readonly Value[],
    piece: (inputs: readonly Value[], outputs: readonly Value[]) => void,
  ): boolean {
    const runs = this.runs(rowsOf(rowwise[0]!), ...rowwise.map(rowBytes));
    if (!runs) return false;
    const more = totals.map(({ shape }, i) => this.passed(`sum ${i} of a part`, shape));
    for (const [i, run] of runs.entries()) {
      piece(
        rowwise.map((value) => this.rows(value, run)),
        i === 0 ? totals : more,
      );
      if (i > 0) totals.forEach((total, j) => this.add('accumulate', { factor: 1 }, [total, more[j]!], []));
    }
    return true;
  }
}

/** The largest power of two, up to ALIGNMENT, that divides a number. */
const commonPower = (size: number): number => {
  let power = ALIGNMENT;
  while (size % power !== 0) power /= 2;
  return power;
};

const rowsOf = (value: Value): number => sizeOf(value.shape) / value.shape.at(-1)!;
const rowBytes = (value: Value): number => bytesPerElement[value.dtype] * value.shape.at(-1)!;

function cut(node: Node, pieces: Pieces): boolean {
  const [first, second, third] = node.inputs;
  if (isOp(node, 'linear')) {
    const { bias, residual } = node.params;
    return pieces.byRows(new Set([first!, ...(residual ? [node.inputs[bias ? 3 : 2]!] : [])]));
  }
  if (isOp(node, 'linearGradInput')) return pieces.byRows(new Set([first!, ...(node.params.residual ? [third!] : [])]));
  if (isOp(node, 'geglu')) return pieces.byRows(new Set([first!]));
  if (isOp(node, 'gegluGrad')) return pieces.byRows(new Set([first!, second!]));
  if (isOp(node, 'linearGradWeight'))
    return pieces.summed(node.inputs, node.outputs, (inputs, outputs) =>
      pieces.add('linearGradWeight', node.params, inputs, outputs),
    );
  if (isOp(node, 'sumTo')) return sumTo(node, pieces);
  if (isOp(node, 'upsampleNearest')) return upsampleNearest(node, pieces);
  if (isOp(node, 'groupNorm')) return groupNorm(node, pieces);
  if (isOp(node, 'conv2d')) return conv2d(node, pieces);
  if (isOp(node, 'embedding')) return embedding(node, pieces);
  return false;
}

/** Where all rows are summed: the gradient of a bias. */
function sumTo({ inputs, outputs, params: { shape, factor } }: Node<'sumTo'>, pieces: Pieces): boolean {
  const [width] = [shape.at(-1)!];
  if (sizeOf(shape) !== width || width !== inputs[0]!.shape.at(-1)) return false;
  const total = pieces.window(outputs[0]!, 0, [1, width]);
  return pieces.summed(inputs, [total], (parts, sums) =>
    pieces.add('sumTo', { shape: [1, width], factor }, parts, sums),
  );
}

function upsampleNearest({ inputs, outputs, params }: Node<'upsampleNearest'>, pieces: Pieces): boolean {
  const [x, y] = [inputs[0]!, outputs[0]!];
  const [batch, channels, height, width] = axes4(x.shape);
  const [plane, planeOut] = [height * width, params.height * params.width];
  const runs = pieces.runs(batch * channels, 4 * plane, 4 * planeOut);
  if (!runs) return false;
  for (const { first, length } of runs)
    pieces.add(
      'upsampleNearest',
      params,
      [pieces.window(x, first * plane, [1, length, height, width])],
      [pieces.window(y, first * planeOut, [1, length, params.height, params.width])],
    );
  return true;
}

/** By pictures, or by whole groups of each. */
function groupNorm({ inputs, outputs, params }: Node<'groupNorm'>, pieces: Pieces): boolean {
  const [x, weight, bias] = inputs as [Value, Value, Value];
  const [y, stats] = outputs as [Value, Value];
  const [batch, channels, ...plane] = x.shape as [number, number, ...number[]];
  const { groups } = params;
  const size = channels / groups;
  const groupElements = size * sizeOf(plane);
  const pictures = pieces.runs(batch, 4 * groups * groupElements);
  const images = pictures ?? Array.from({ length: batch }, (_, first) => ({ first, length: 1 }));
  const inOne = pictures ? [{ first: 0, length: groups }] : pieces.runs(groups, 4 * groupElements);
  if (!inOne) return false;
  const parts = images.flatMap((image) =>
    inOne.map((group) => ({ image, group, at: image.first * groups + group.first })),
  );
  // Two numbers a group: where no binding may begin, they are put together at the end.
  const apart = parts.some(({ at }) => (8 * at) % ALIGNMENT !== 0);
  const passed: Value[] = [];
  for (const { image, group, at } of parts) {
    const shape = [image.length, group.length * size, ...plane];
    const ofGroups: Shape = [image.length, group.length, 2];
    const own = apart ? pieces.passed(`stats ${at}`, ofGroups) : pieces.window(stats, 2 * at, ofGroups);
    const of = { first: group.first * size, length: group.length * size };
    pieces.add(
      'groupNorm',
      { ...params, groups: group.length },
      [pieces.window(x, at * groupElements, shape), pieces.part(weight, of), pieces.part(bias, of)],
      [pieces.window(y, at * groupElements, shape), own],
    );
    if (apart) passed.push(pieces.window(own, 0, [image.length * group.length, 2]));
  }
  if (apart) pieces.add('concat', { axis: 0 }, passed, [pieces.window(stats, 0, [batch * groups, 2])]);
  return true;
}

/** By pictures, or by output channels of each, as sums over runs of its input channels. */
function conv2d({ inputs, outputs, params }: Node<'conv2d'>, pieces: Pieces): boolean {
  const [x, weight] = inputs as [Value, Value];
  const y = outputs[0]!;
  const bias = params.bias ? inputs[2]! : undefined;
  const residual = params.residual ? inputs[params.bias ? 3 : 2]! : undefined;
  const [batch, channels, height, width] = axes4(x.shape);
  const [, rows, outHeight, outWidth] = axes4(y.shape);
  const [plane, planeOut] = [height * width, outHeight * outWidth];
  const taps = weight.shape[2]! * weight.shape[3]!;
  const pictures = pieces.runs(batch, 4 * channels * plane, 4 * rows * planeOut);
  const images = pictures ?? Array.from({ length: batch }, (_, first) => ({ first, length: 1 }));
  const ins = pictures ? [{ first: 0, length: channels }] : pieces.runs(channels, 4 * plane);
  const outs = pictures ? [{ first: 0, length: rows }] : pieces.runs(rows, 4 * planeOut);
  if (!ins || !outs) return false;
  for (const image of images) {
    for (const out of outs) {
      const shapeOut = [image.length, out.length, outHeight, outWidth];
      const ofOutput = (value: Value): Value =>
        pieces.window(value, (image.first * rows + out.first) * planeOut, shapeOut);
      const sum = ofOutput(y);
      const ofResidual = (value: Value): Value => {
        if (sizeOf(value.shape) === sizeOf(y.shape)) return ofOutput(value);
        // A number a channel.
        const all = pieces.window(value, 0, [batch * rows]);
        const own = { first: image.first * rows + out.first, length: image.length * out.length };
        return pieces.window(pieces.part(all, own), 0, [image.length, out.length, 1, 1]);
      };
      for (const into of ins) {
        const begins = into.first === 0;
        const block = pieces.window(
          weight,
          (out.first * channels + into.first) * taps,
          [out.length, into.length, ...weight.shape.slice(2)],
          channels * taps,
        );
        const added = begins ? residual && ofResidual(residual) : sum;
        pieces.add(
          'conv2d',
          { ...params, bias: begins && params.bias, residual: added !== undefined },
          [
            pieces.window(x, (image.first * channels + into.first) * plane, [image.length, into.length, height, width]),
            block,
            ...(begins && bias ? [pieces.part(bias, out)] : []),
            ...(added ? [added] : []),
          ],
          [sum],
        );
      }
    }
  }
  return true;
}

/** By entries of the table; each piece writes the rows that ask for its own. */
function embedding({ inputs, outputs, params }: Node<'embedding'>, pieces: Pieces): boolean {
  const [table, ids] = inputs as [Value, Value];
  const width = table.shape[1]!;
  const runs = pieces.runs(table.shape[0]!, rowBytes(table));
  if (!runs) return false;
  for (const { first, length } of runs)
    pieces.add('embedding', params, [pieces.window(table, first * width, [length, width], width), ids], outputs);
  return true;
}
