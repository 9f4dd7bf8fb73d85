/** Every case of every op runs, writes every element the shape rule promises, and nothing it should not. */
import { describe, expect, test } from 'vitest';
import { buildCase, type Case, gradScales } from '../graph/caseData.ts';
import { cases } from '../graph/cases.ts';
import type { OpKind } from '../graph/ops.ts';
import { cpuExecutor } from './run.ts';

function everyCase(): { op: OpKind; testCase: Case<OpKind>; scale: number }[] {
  return (Object.keys(cases) as OpKind[]).flatMap((op) =>
    (cases[op] as readonly Case<OpKind>[]).flatMap((testCase) =>
      gradScales(testCase).map((scale) => ({ op, testCase, scale })),
    ),
  );
}

describe('oracle kernels', () => {
  test('case names are unique within an op', () => {
    for (const [op, list] of Object.entries(cases))
      expect(new Set(list.map(({ name }) => name)).size, op).toBe(list.length);
  });

  test.each(
    everyCase().map(({ op, testCase, scale }) => [`${op}: ${testCase.name} x ${scale}`, op, testCase, scale] as const),
  )('%s', async (_, op, testCase, scale) => {
    const { graph, feeds, results } = buildCase(op, testCase, scale);
    const program = await cpuExecutor().compile(graph);
    for (const value of graph.values) if (value.source.kind === 'node') program.peek(value).fill(NaN);
    for (const [value, data] of feeds) program.write(value, data);
    await program.run();
    const first = results.map((value) => Float64Array.from(program.peek(value)));
    for (const data of first) expect(data.every(Number.isFinite)).toBe(true);
    // Inputs that the op does not mutate are as they were.
    for (const [value, data] of feeds)
      if (!results.includes(value)) expect(Array.from(program.peek(value))).toEqual(Array.from(data));
    // Fresh inputs, old outputs: nothing is left over from the run before.
    for (const [value, data] of feeds) program.write(value, data);
    await program.run();
    results.forEach((value, i) => expect(program.peek(value)).toEqual(first[i]));
  });
});
