import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkTrainConfig } from '../../data/formats/trainConfig.ts';
import { wholeFiles } from '../../service/environment.ts';
import { type FolderPlan, planFolder } from '../../service/forecast.ts';
import { presetNamed } from '../../training/presets.ts';
import { openDevice } from '../../webgpu/device.ts';
import { count, number, oneOf, size } from '../arguments.ts';
import { openNodeGpu } from '../device.ts';
import { openModel } from '../engine.ts';
import { folderReader } from '../files.ts';
import { parseModelRef } from '../modelRef.ts';
import { table } from '../terminal.ts';
import { defineVerb } from '../verb.ts';

export const plan = defineVerb({
  name: 'plan',
  summary: 'say what a training step will take of the GPU, by part, before anything is allocated',
  positionals: ['MODEL'],
  options: {
    size: { kind: 'text', value: 'WxH', help: `pixels (default: the model's own)` },
    mode: { kind: 'text', value: 'MODE', help: 'lora or full', default: 'lora' },
    rank: { kind: 'text', value: 'N', help: 'rank of the LoRA', default: '8' },
    targets: { kind: 'text', value: 'WHICH', help: 'layers with a LoRA: attention or all', default: 'all' },
    pairs: { kind: 'text', value: 'N', help: 'pairs in a micro-batch', default: '4' },
    accumulation: { kind: 'text', value: 'N', help: 'micro-batches in a step', default: '1' },
    reference: { kind: 'text', value: 'NAME', help: 'engine (on the GPU) or onnx (outside) (default: engine for lora, onnx for full)' },
    adapter: { kind: 'text', value: 'NAME', help: 'plan for the limits of this machine\'s adapter of that name, `any` for the best (default: those of desktop GPUs)' },
  },
  notes: ['The configs of a diffusers folder are enough; its weights are not read. Fails, saying by how much, where a limit is exceeded.'],
  example: 'postcard --mode full --pairs 2 --json',
  async run([model], values) {
    const ref = parseModelRef(model!);
    const mode = oneOf('mode', values.mode, ['lora', 'full']);
    const reference = oneOf('reference', values.reference ?? (mode === 'lora' ? 'engine' : 'onnx'), ['engine', 'onnx']);
    const rank = count('rank', values.rank);
    const config = checkTrainConfig({
      ...presetNamed('standard')!.config,
      mode,
      rank,
      alpha: rank,
      targets: oneOf('targets', values.targets, ['attention', 'all']),
      pairsPerStep: count('pairs', values.pairs),
      accumulation: number('accumulation', values.accumulation, { min: 1, whole: true }),
      reference,
    });
    const device = values.adapter === undefined ? undefined : await openDevice((await openNodeGpu(values.adapter)).gpu);
    // A folder may be a pipeline's, or hold the UNet's config.json itself.
    const alone = existsSync(join(ref.base, 'config.json')) && !existsSync(join(ref.base, 'unet'));
    const bare = folderReader(ref.base);
    const reader = alone ? wholeFiles((path) => bare.read(path === 'unet/config.json' ? 'config.json' : path)) : openModel(ref.base);
    const planned = await planFolder(reader, config, {
      reference: reference === 'engine' ? 'engine' : 'input',
      ...(values.size !== undefined && { size: size('size', values.size) }),
      ...(device && { limits: device.device.limits }),
    });
    const adapter = device?.adapterKey ?? null;
    device?.destroy();
    return { json: { model, mode, reference, rank: mode === 'lora' ? rank : null, pairs: config.pairsPerStep, accumulation: config.accumulation, adapter, ...planned }, text: describe(planned, adapter) };
  },
});

function describe(plan: FolderPlan, adapter: string | null): string {
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const gflop = (flops: number): string => `${(flops / 1e9).toFixed(3)} GFLOP`;
  return [
    `${plan.width}x${plan.height} pixels, ${plan.parameters.toLocaleString('en')} parameters in the UNet, ${plan.trainedParameters.toLocaleString('en')} trained`,
    '',
    table([...Object.entries(plan.parts).map(([part, bytes]) => [part, mib(bytes)]), ['peak', mib(plan.peakBytes)]]),
    '',
    table([
      ['one forward, one image', gflop(plan.flopsPerForward)],
      ['one training step', gflop(plan.flopsPerStep)],
    ]),
    '',
    adapter === null ? 'For the limits of a desktop GPU; --adapter any plans for the one here.' : `For the limits of ${adapter}.`,
  ].join('\n');
}
