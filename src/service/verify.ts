/** `winnow verify`: runs a golden case written by PyTorch through the engine and compares. Nothing about a case is known beforehand;
 *  the format is tools/reference/README.md. */
import type { Executor } from '../graph/executor.ts';
import type { SessionOptions } from '../onnx/session.ts';
import { WinnowError } from '../shared/errors.ts';
import type { FolderReader } from './environment.ts';
import { changedWeights } from './model/modelPool.ts';
import { enginePredictor, onnxPredictor } from './sampling/noisePredictor.ts';
import { engineRunner, onnxRunner, type PartRunner } from './sampling/partRunner.ts';
import { type Backend, executorBackend, onnxBackend } from './verify/backends.ts';
import { openCase } from './verify/caseFile.ts';
import type { CaseResult } from './verify/compare.ts';
import { suppliedOnnx } from './sampling/suppliedOnnx.ts';
import { verifyAddNoise, verifyScheduler } from './verify/diffusion.ts';
import { verifyDpo } from './verify/dpo.ts';
import { verifyImplicit } from './verify/implicit.ts';
import { verifyJudge, verifyResize } from './verify/judge.ts';
import { verifyKnownScores } from './verify/knownScores.ts';
import { verifySelfTest } from './verify/selfTest.ts';
import { verifyPipeline } from './verify/pipeline.ts';
import { verifyTextEncoder, verifyTokenizer } from './verify/text.ts';
import { verifyUNet } from './verify/unet.ts';
import { verifyVae } from './verify/vae.ts';

export { type CaseResult, formatCase, type Row } from './verify/compare.ts';

export type VerifyBackend = 'webgpu' | 'cpu' | 'onnx';

export interface VerifyOptions {
  backend: VerifyBackend;
  /** Frozen reference of `dpo` cases. */
  reference: 'engine' | 'onnx';
}

/** What the place that verifies brings along; called when first needed. */
export interface VerifyHost {
  executor(kind: 'webgpu' | 'cpu'): Promise<Executor>;
  /** Provider and device for onnxruntime. */
  onnx(): Promise<SessionOptions>;
}

/** Holds a judge against the scores that are printed of it. */
export async function verifyJudgeFolder(
  judge: FolderReader,
  {
    path,
    pictures,
    backend,
    sha256,
  }: { path: string; pictures: FolderReader; backend: VerifyBackend; sha256(bytes: Uint8Array): Promise<string> },
  host: VerifyHost,
): Promise<CaseResult> {
  const runner = await runnerOf(backend, host);
  return (
    (await verifySelfTest(judge, path, runner)) ?? (await verifyKnownScores(judge, path, pictures, runner, sha256))
  );
}

const runnerOf = async (backend: VerifyBackend, host: VerifyHost): Promise<PartRunner> =>
  backend === 'onnx' ? onnxRunner(await host.onnx()) : engineRunner(await host.executor(backend));

/** Runs one case. Rejects with a named error where the case cannot be run at all. */
export async function verifyCase(reader: FolderReader, options: VerifyOptions, host: VerifyHost): Promise<CaseResult> {
  const golden = await openCase(reader);
  const backend = async (): Promise<Backend> =>
    options.backend === 'onnx' ? onnxBackend(await host.onnx()) : executorBackend(await host.executor(options.backend));
  switch (golden.kind) {
    case 'unet':
    case 'unet_lora':
      return verifyUNet(golden, await backend());
    case 'vae':
      return verifyVae(golden, await backend());
    case 'text_encoder':
      return verifyTextEncoder(golden, await backend());
    case 'tokenizer':
      return verifyTokenizer(golden);
    case 'scheduler':
      return verifyScheduler(golden);
    case 'add_noise':
      return verifyAddNoise(golden);
    case 'dpo':
      if (options.backend === 'onnx') {
        throw new WinnowError(
          'BadArguments',
          `${golden.name} trains, and onnxruntime has no backward pass.`,
          'Choose --backend webgpu or cpu; --reference onnx checks onnxruntime as the reference.',
        );
      }
      return verifyDpo(golden, {
        executor: await host.executor(options.backend),
        onnx: () => host.onnx(),
        reference: options.reference,
      });
    case 'implicit': {
      if (options.backend === 'onnx') {
        const onnx = await host.onnx();
        return verifyImplicit(
          golden,
          {
            name: `onnxruntime ${onnx.provider}`,
            predictor: ({ folder: { unet }, changes }, size) =>
              onnxPredictor(unet.model, changedWeights(unet.weights, changes), size, onnx),
          },
          2e-3,
        );
      }
      const executor = await host.executor(options.backend);
      return verifyImplicit(
        golden,
        { name: executor.kind, predictor: (model, size) => enginePredictor(executor, model, size) },
        0,
      );
    }
    case 'pipeline':
      return verifyPipeline(golden, {
        runner: await runnerOf(options.backend, host),
        supplied:
          ({ reader }) =>
          async (part) =>
            suppliedOnnx(reader, await host.onnx())(part),
        predictor: async (folder, size) =>
          options.backend === 'onnx'
            ? onnxPredictor(folder.unet.model, folder.unet.weights, size, await host.onnx())
            : enginePredictor(await host.executor(options.backend), { folder, changes: [] }, size),
      });
    case 'resize':
      return verifyResize(golden);
    case 'judge':
      return verifyJudge(golden, await runnerOf(options.backend, host));
    default:
      throw new Error(`no verifier for ${golden.kind satisfies never}`);
  }
}
