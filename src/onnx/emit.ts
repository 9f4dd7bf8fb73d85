/** A graph of forward ops, with its weights, as an ONNX file. */
import { assert } from '../shared/assert.ts';
import { halfBits } from '../shared/float16.ts';
import { sizeOf } from '../shared/shape.ts';
import { type Graph, isHalf, type Node, type Value } from '../graph/graph.ts';
import type { ForwardOp, OpKind } from '../graph/ops.ts';
import { OnnxBuilder } from './builder.ts';
import { type LowerToOnnx, lower, opset } from './lower.ts';
import { encodeModel, type OnnxValueInfo } from './proto.ts';

const isForwardOp = (op: OpKind): op is ForwardOp => op in lower;

const valueInfo = (name: string, { shape, dtype }: Value): OnnxValueInfo => ({
  name,
  dims: shape,
  dtype: dtype === 'i32' ? 'i32' : 'f32',
});

/** Bytes of the model that computes `graph.outputs` from the graph's inputs. Inputs and outputs keep their names, parameters the names of
 *  the checkpoint. `tensors` gives a parameter's numbers (row-major, f32; of a half-width one its bits, or f32 numbers to round) by that name.
 *  A half-width parameter takes two bytes an element in the file and is cast to f32 by a node of its own. */
export function emitOnnx(graph: Graph, tensors: (name: string) => Float32Array | Uint16Array): Uint8Array<ArrayBuffer> {
  const onnx = new OnnxBuilder();
  const nameOf = new Map<Value, string>();
  const inputs = graph.values.filter((value) => value.source.kind === 'input');
  for (const value of inputs) nameOf.set(value, claim(onnx, value.name, 'input'));
  const outputs = [...graph.outputs].map(([name, value]) => ({ name: claim(onnx, name, 'output'), value }));

  const resolve = (value: Value): string => {
    const known = nameOf.get(value);
    if (known !== undefined) return known;
    const { source } = value;
    assert(
      source.kind === 'parameter' || source.kind === 'constant',
      `${value.name}: ${describe(value)} has no counterpart in ONNX`,
    );
    const data = source.kind === 'constant' ? source.data : tensors(value.name);
    assert(
      data.length === sizeOf(value.shape),
      `${value.name}: ${data.length} numbers for shape [${value.shape.join(', ')}]`,
    );
    const name = store(onnx, value, data);
    nameOf.set(value, name);
    return name;
  };

  for (const node of graph.nodes) {
    assert(isForwardOp(node.op), `${node.name}: ${node.op} is not a forward op, so it has no counterpart in ONNX`);
    onnx.path = node.name;
    nameOf.set(node.outputs[0]!, lowerNode(node as Node<ForwardOp>, node.inputs.map(resolve), onnx));
  }
  // An output may be an input, a parameter, or an output twice; onnxruntime removes the copies that are not needed.
  for (const { name, value } of outputs)
    onnx.nodes.push({ opType: 'Identity', name, inputs: [resolve(value)], outputs: [name], attributes: {} });

  return encodeModel({
    name: 'winnow',
    opset,
    nodes: onnx.nodes,
    initializers: onnx.initializers,
    inputs: inputs.map((value) => valueInfo(nameOf.get(value)!, value)),
    outputs: outputs.map(({ name, value }) => valueInfo(name, value)),
  });
}

function store(
  onnx: OnnxBuilder,
  { name, shape, dtype }: Value,
  data: Float32Array | Int32Array | Uint16Array,
): string {
  if (isHalf(dtype) && !(data instanceof Int32Array)) return onnx.half(name, shape, dtype, halfBits(dtype, data));
  assert(!(data instanceof Uint16Array), `${name} is ${dtype}, got bits of half width`);
  return onnx.initializer(name, shape, data);
}

/** The table's entry for a node, whose params the op has fixed. */
function lowerNode<K extends ForwardOp>(node: Node<K>, inputs: readonly string[], onnx: OnnxBuilder): string {
  return (lower[node.op] as LowerToOnnx<K>)(node, inputs, onnx);
}

function claim(onnx: OnnxBuilder, name: string, what: string): string {
  assert(onnx.unique(name) === name, `${what} ${name}: another input or output has this name`);
  return name;
}

function describe({ source }: Value): string {
  return source.kind === 'node' ? `output ${source.output} of ${source.node.op}` : `a ${source.kind}`;
}
