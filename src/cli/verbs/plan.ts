import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkTrainConfig } from '../../data/formats/trainConfig.ts';
import { targetOf } from '../../service/planning/forecast.ts';
import { type FolderPlan, planFolder } from '../../service/planning/folderPlan.ts';
import { presetNamed } from '../../training/presets.ts';
import { openDevice } from '../../webgpu/device.ts';
import { count, doNothing, number, oneOf, size } from '../arguments.ts';
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
    rank: { kind: 'text', value: 'N', help: 'rank of the LoRA (default: 8)' },
    targets: { kind: 'text', value: 'WHICH', help: 'layers with a LoRA: attention or all (default: all)' },
    pairs: { kind: 'text', value: 'N', help: 'pairs in a micro-batch', default: '1' },
    accumulation: { kind: 'text', value: 'N', help: 'micro-batches in a step', default: '1' },
    ema: { kind: 'flag', help: 'with an average of the trained weights' },
    weights: {
      kind: 'text',
      value: 'DTYPE',
      help: 'how frozen weights are kept: f16, bf16, f32, or stored, as the files have them (default: stored, or f16 where there are none)',
    },
    'held-out': { kind: 'text', value: 'SHARE', help: 'of pairs that are held out and looked at (default: 0.1)' },
    recompute: {
      kind: 'text',
      value: 'WHAT',
      help: 'what the backward pass computes twice instead of keeping it: none, cheap, blocks, or auto',
      default: 'auto',
    },
    reference: {
      kind: 'text',
      value: 'NAME',
      help: 'engine (on the GPU) or onnx (outside) (default: engine for lora, onnx for full)',
    },
    adapter: {
      kind: 'text',
      value: 'NAME',
      help: "plan for the limits of this machine's adapter of that name, `any` for the best (default: those of desktop GPUs)",
    },
  },
  notes: [
    'The configs of a diffusers folder are enough; its weights are not read. Fails, saying by how much, where a limit is exceeded.',
  ],
  example: 'postcard --mode full --pairs 2 --json',
  async run([model], values) {
    const ref = parseModelRef(model!);
    const mode = oneOf('mode', values.mode, ['lora', 'full']);
    const reference = oneOf('reference', values.reference ?? (mode === 'lora' ? 'engine' : 'onnx'), ['engine', 'onnx']);
    if (mode === 'full') doNothing(values, ['rank', 'targets'], 'with --mode full');
    const rank = count('rank', values.rank ?? '8', { max: 256 });
    const config = checkTrainConfig({
      ...presetNamed('standard')!.config,
      mode,
      rank,
      alpha: rank,
      targets: oneOf('targets', values.targets ?? 'all', ['attention', 'all']),
      pairsPerStep: count('pairs', values.pairs, { max: 64 }),
      accumulation: count('accumulation', values.accumulation, { max: 1024 }),
      ema: values.ema ? 0.99 : 0,
      heldOut: number('held-out', values['held-out'] ?? '0.1', { min: 0, max: 0.5 }),
      reference,
      recompute: oneOf('recompute', values.recompute, ['auto', 'none', 'cheap', 'blocks']),
    });
    const device = values.adapter === undefined ? undefined : await openDevice((await openNodeGpu(values.adapter)).gpu);
    const adapter = device?.adapterName ?? null;
    const target = device && targetOf(device);
    device?.destroy();
    // A folder may be a pipeline's, or hold the UNet's config.json itself.
    const alone = existsSync(join(ref.base, 'config.json')) && !existsSync(join(ref.base, 'unet'));
    const bare = folderReader(ref.base);
    const inside = (path: string): string => path.replace(/^unet\//, '');
    const reader = alone
      ? { read: (path: string) => bare.read(inside(path)), open: (path: string) => bare.open(inside(path)) }
      : openModel(ref.base);
    const planned = await planFolder(reader, config, {
      reference: reference === 'engine' ? 'engine' : 'input',
      weights:
        values.weights === undefined ? undefined : oneOf('weights', values.weights, ['f16', 'bf16', 'f32', 'stored']),
      ...(values.size !== undefined && { size: size('size', values.size) }),
      ...(target && { target }),
    });
    return {
      json: {
        model,
        mode,
        reference,
        rank: mode === 'lora' ? rank : null,
        pairs: config.pairsPerStep,
        accumulation: config.accumulation,
        ema: values.ema,
        adapter,
        ...planned,
      },
      text: describe(planned, adapter),
    };
  },
});

const bytes = (count: number): string =>
  count < 1e9 ? `${(count / 1e6).toFixed(1)} MB` : `${(count / 1e9).toFixed(2)} GB`;

/** What each part holds, where its name does not say it. */
const held: Record<string, string> = {
  weights: 'weights of the UNet',
  adapter: 'weights of the LoRA',
  optimiser: "optimiser (AdamW's two moments)",
  ema: 'average of the trained weights',
  activations: 'activations and inputs',
  reference: 'reference, second copy of the weights',
  preparing: 'text encoders, before the first step',
};

const twice: Record<FolderPlan['recompute'], string> = {
  none: 'The backward pass computes nothing twice.',
  cheap: 'The backward pass computes twice what is cheap to compute.',
  blocks: 'The backward pass computes every block twice, to keep less.',
};

function describe(plan: FolderPlan, adapter: string | null): string {
  const gflop = (flops: number): string => `${(flops / 1e9).toFixed(3)} GFLOP`;
  return [
    `${plan.width}x${plan.height} pixels, ${plan.parameters.toLocaleString('en')} parameters in the UNet, ${plan.trainedParameters.toLocaleString('en')} trained`,
    `Frozen weights in ${plan.weights}.`,
    twice[plan.recompute],
    '',
    table([
      ...Object.entries(plan.parts)
        .filter(([, count]) => count > 0)
        .map(([part, count]) => [held[part] ?? part, bytes(count)]),
      ['peak', bytes(plan.peakBytes)],
    ]),
    '',
    table([
      ['while prompts are encoded, before the first step', bytes(plan.moments.texts)],
      ...(plan.moments.look === null
        ? []
        : [['while held-out pairs are looked at between steps', bytes(plan.moments.look)]]),
      [
        'while a sample is drawn between steps, if samples are asked for',
        plan.moments.sample === null ? 'too large here' : bytes(plan.moments.sample),
      ],
    ]),
    '',
    table([
      ['one forward, one image', gflop(plan.flopsPerForward)],
      ['one training step', gflop(plan.flopsPerStep)],
    ]),
    '',
    adapter === null
      ? 'For the limits of a desktop GPU; --adapter any plans for the one here.'
      : `For the limits of ${adapter}.`,
  ].join('\n');
}
