import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { type CaseResult, formatCase, verifyCase, type VerifyHost, verifyJudgeFolder } from '../../service/verify.ts';
import { openExecutor } from '../../service/executors.ts';
import { oneOf } from '../arguments.ts';
import { listAdapters, openNodeGpu } from '../device.ts';
import { folderReader } from '../files.ts';
import { WinnowError } from '../../shared/errors.ts';
import { badArguments, defineVerb } from '../verb.ts';

export const verify = defineVerb({
  name: 'verify',
  summary: 'check the engine against golden cases written by PyTorch and diffusers',
  positionals: ['[CASE_DIR...]'],
  options: {
    backend: {
      kind: 'text',
      value: 'NAME',
      help: 'webgpu (our kernels), cpu (the float64 oracle) or onnx (onnxruntime, forward only)',
      default: 'webgpu',
    },
    reference: {
      kind: 'text',
      value: 'NAME',
      help: 'frozen reference of dpo cases: engine or onnx',
      default: 'engine',
    },
    judge: {
      kind: 'text',
      value: 'FOLDER',
      help: 'holds a published judge (PickScore, HPS v2 and v2.1, CLIP ViT-H/14, LAION aesthetic v2, ImageReward) against the scores that are printed of it',
    },
    pictures: {
      kind: 'text',
      value: 'FOLDER',
      help: 'where the pictures of --judge lie: 1.webp to 4.webp of github.com/THUDM/ImageReward, assets/images (default: in its folder)',
    },
    adapter: {
      kind: 'text',
      value: 'NAME',
      help: 'GPU adapter by a part of its name; `list` shows what there is (default: the best)',
    },
  },
  notes: [
    'Exit code 0 only if every tensor of every case is within its tolerance.',
    'Scores of --judge may differ by 0.0006 (cosines) or 0.03 (aesthetic, ImageReward half of it): large weights are kept in half width.',
  ],
  example: 'tools/reference/cases/unet-sd tools/reference/cases/dpo-lora --reference onnx',
  async run(folders, values, terminal) {
    if (values.adapter === 'list') {
      const adapters = await listAdapters();
      return { json: { adapters }, text: adapters.map(({ name, source }) => `${name} (${source})`).join('\n') };
    }
    if (folders.length === 0 && values.judge === undefined)
      throw badArguments('CASE_DIR is missing.', 'Give the folder of a case, one with a case.json; or --judge FOLDER.');
    for (const option of ['judge', 'pictures'] as const)
      if (values[option] !== undefined) checkFolder(option, values[option]);
    const backend = oneOf('backend', values.backend, ['webgpu', 'cpu', 'onnx']);
    const reference = oneOf('reference', values.reference, ['engine', 'onnx']);
    const host = makeHost(values.adapter);
    const results: CaseResult[] = [];
    const failures: { folder: string; error: { name: string; what: string } }[] = [];
    if (values.judge !== undefined) {
      const result = await verifyJudgeFolder(
        folderReader(values.judge),
        {
          path: `${values.judge.replace(/[\\/]+$/, '')}/`,
          pictures: folderReader(values.pictures ?? values.judge),
          backend,
          sha256: async (bytes) => createHash('sha256').update(bytes).digest('hex'),
        },
        host,
      );
      results.push(result);
      terminal.print(formatCase(result));
    }
    for (const [i, folder] of folders.entries()) {
      if (folders.length > 1) terminal.status(`case ${i + 1}/${folders.length}`);
      try {
        const result = await verifyCase(folderReader(folder), { backend, reference }, host);
        results.push(result);
        terminal.print(formatCase(result));
      } catch (error) {
        // The others are still worth knowing.
        if (folders.length === 1) throw error;
        const { name, message } = error instanceof Error ? error : new Error(String(error));
        failures.push({ folder, error: { name, what: message } });
        terminal.print(`${folder}: ${name}: ${message}: FAIL`);
      }
    }
    const ok = failures.length === 0 && results.every((result) => result.ok);
    const passed = results.filter((result) => result.ok).length;
    return {
      json: { ok, cases: results, failures },
      ...(folders.length > 1 && { text: `${passed} of ${folders.length} cases passed` }),
      exitCode: ok ? 0 : 1,
    };
  },
});

/** Opened when first needed, and then kept. */
function makeHost(adapter: string | undefined): VerifyHost {
  const open = new Map<string, ReturnType<typeof openExecutor>>();
  return {
    executor(kind) {
      const known =
        open.get(kind) ??
        (kind === 'cpu'
          ? openExecutor('cpu', undefined)
          : openNodeGpu(adapter).then(({ gpu }) => openExecutor('webgpu', gpu)));
      open.set(kind, known);
      return known;
    },
    onnx: async () => ({ provider: 'wasm' }),
  };
}

function checkFolder(option: string, path: string): void {
  if (!existsSync(path) || !statSync(path).isDirectory())
    throw new WinnowError('NotFound', `There is no folder ${path}.`, `Check what --${option} names.`);
}
