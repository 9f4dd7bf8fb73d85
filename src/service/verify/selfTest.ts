/** `winnow verify --judge` of a judge that brings known scores along (judge.json, `selfTest`). */
import { isWithin } from '../../judges/judge.ts';
import { readJudge } from '../../judges/table.ts';
import '../../shared/disposable.ts';
import { parseJsonObject } from '../../shared/json.ts';
import type { FolderReader } from '../environment.ts';
import { optional } from '../model/weightFiles.ts';
import type { PartRunner } from '../sampling/partRunner.ts';
import { judgeFolderOf, planJudge } from '../sampling/judging.ts';
import type { CaseResult } from './compare.ts';

/** Undefined of a judge that brings none. Rejects with what is wrong with its folder. */
export async function verifySelfTest(
  reader: FolderReader,
  path: string,
  runner: PartRunner,
): Promise<CaseResult | undefined> {
  const bytes = await optional(reader.read('judge.json'));
  if (!bytes || parseJsonObject(bytes, { file: `${path}judge.json`, limit: 2 ** 20 })['recipe'] !== undefined)
    return undefined;
  const judge = await readJudge(judgeFolderOf(reader, path), { name: 'judge', from: 'folder' });
  await using scorer = await (await planJudge(judge, runner)).make();
  const tested = await scorer.selfTest?.();
  if (!tested) return undefined;
  const rows = tested.map((one): CaseResult['rows'][number] => {
    const off = Math.abs(one.found - one.wanted);
    return {
      name: `${one.image}: ${one.found.toFixed(6)}, known ${one.wanted}`,
      class: 'forward',
      elements: 1,
      error: off / Math.max(Math.abs(one.wanted), 1e-12),
      maxAbs: off,
      ok: isWithin(one),
    };
  });
  return {
    name: judge.title,
    kind: 'known scores',
    rows,
    skipped: [],
    worst: { forward: Math.max(...rows.map(({ error }) => error)), grad: 0, trajectory: 0 },
    ok: rows.every(({ ok }) => ok),
    // An ONNX file is run as it is.
    backend: 'onnxruntime wasm',
  };
}
