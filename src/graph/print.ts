/** A graph as text, one line a node: for reading, for plan snapshots in tests. */
import type { Graph, Value } from './graph.ts';

export function printGraph(graph: Graph): string {
  const ref = (v: Value): string => `%${v.id}${v.source.kind === 'node' ? '' : `:${v.name}`}`;
  return graph.nodes
    .map((node) => {
      const outputs = node.outputs.map((v) => `%${v.id}[${v.shape.join(',')}]`).join(', ');
      const params = JSON.stringify(node.params);
      return `${outputs || '·'} = ${node.op}${params === '{}' ? '' : params}(${node.inputs.map(ref).join(', ')})  # ${node.name}`;
    })
    .join('\n');
}
