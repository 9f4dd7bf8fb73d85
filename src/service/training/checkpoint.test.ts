/** What a run saves is named by tensor: it goes on wherever it is opened, and so do the files of before. */
import { describe, expect, it } from 'vitest';
import { openSafetensors, type TensorToWrite, writeSafetensors } from '../../data/formats/safetensors.ts';
import { folderReader } from '../../cli/files.ts';
import { layoutArenas, layoutOfSizes } from '../../training/arena.ts';
import { loraTensors } from '../../training/lora.ts';
import { openModelFolder } from '../model/modelFolder.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { testEnvironment } from '../testEnvironment.ts';
import type { StepMetrics } from '../types.ts';
import { statePath } from '../../data/runStore.ts';
import { testConfig, TestTraining, tiny } from './testTraining.ts';

/** Bindings that cut the adapter's tensors into many arenas, and into fewer. */
const [small, middle] = [4 * 64 * 3, 4 * 64 * 10];

async function trainTo(step: number, maxBindingBytes: number, files = new MemoryFileStore()): Promise<TestTraining> {
  const t = await TestTraining.open({ files, maxBindingBytes });
  const run = t.start({
    config: testConfig({ saveEvery: 0, maxGradNorm: 1 }),
    onEvent(event) {
      if (event.type === 'step' && event.metrics.step + 1 === step && step < 4) void run.command('stop');
    },
  });
  await run.record;
  return t;
}

const stateOf = (t: TestTraining): Promise<Uint8Array> => t.files.read(statePath('r'));
const numbers = (metrics: StepMetrics[]): unknown[] => metrics.map(({ elapsedMs: _, ...rest }) => rest);
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

describe('a state', () => {
  it('is the same file, whatever the binding limit, and names weights and moments by tensor', async () => {
    const [a, b, c] = [await trainTo(2, small), await trainTo(2, middle), await trainTo(2, 2 ** 28)];
    expect(same(await stateOf(a), await stateOf(c))).toBe(true);
    expect(same(await stateOf(b), await stateOf(c))).toBe(true);
    const { names, metadata, shape } = await openSafetensors(await stateOf(a));
    const site = 'down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.lora_down.weight';
    const found = names.filter((name) => name.endsWith(site));
    expect(found).toEqual([`exp_avg.${site}`, `exp_avg_sq.${site}`, `param.${site}`]);
    expect(shape(found[0]!)).toEqual(shape(found[2]!));
    expect(metadata).toMatchObject({ step: '2', version: '2' });
  });

  it('goes on under another binding limit to the bits of a run that never moved', async () => {
    const whole = await trainTo(4, 2 ** 28);
    for (const [from, to] of [
      [small, middle],
      [2 ** 28, small],
    ] as const) {
      const moved = await TestTraining.open({ files: (await trainTo(2, from)).files, maxBindingBytes: to });
      const run = moved.start({ resume: true });
      await run.record;
      expect(run.events.find(({ type }) => type === 'started')).toMatchObject({ resumedAt: 2 });
      expect(same(await stateOf(moved), await stateOf(whole))).toBe(true);
      expect(numbers(await moved.runs.metrics('r'))).toEqual(numbers(await whole.runs.metrics('r')));
    }
  });
});

describe('a state of before moments had names', () => {
  /** As it was written: arenas under the adapter's limit, `adam.<m|v>.<i>`. */
  async function inArenas(t: TestTraining, maxBindingBytes: number): Promise<void> {
    const folder = await openModelFolder(tiny, testEnvironment({ files: t.files, openModel: folderReader }));
    const layout = layoutArenas(loraTensors(folder.unet.model.loraTargets('attention'), 1), maxBindingBytes / 4);
    expect(layout.arenas.length > 1).toBe(maxBindingBytes < 2 ** 20);
    const now = await openSafetensors(await stateOf(t));
    const before: Record<string, TensorToWrite> = {};
    const arenas = {
      m: layout.arenas.map((n) => new Float32Array(n)),
      v: layout.arenas.map((n) => new Float32Array(n)),
    };
    for (const { name, shape, arena, offset } of layout.entries) {
      before[`param.${name}`] = { shape, data: await now.read(`param.${name}`) };
      arenas.m[arena]!.set(await now.read(`exp_avg.${name}`), offset);
      arenas.v[arena]!.set(await now.read(`exp_avg_sq.${name}`), offset);
    }
    for (const kind of ['m', 'v'] as const)
      arenas[kind].forEach((data, i) => (before[`adam.${kind}.${i}`] = { shape: [data.length], data }));
    await t.files.write(statePath('r'), writeSafetensors(before, { run: 'r', step: now.metadata['step']! }));
  }

  it('goes on where it was written, and on an adapter with other limits', async () => {
    const whole = await trainTo(4, 2 ** 28);
    for (const [written, to] of [
      [2 ** 28, 2 ** 28],
      [small, small],
      [small, 2 ** 28],
      [middle, small],
    ] as const) {
      const t = await trainTo(2, written);
      await inArenas(t, written);
      const moved = await TestTraining.open({ files: t.files, maxBindingBytes: to });
      await moved.start({ resume: true }).record;
      expect(same(await stateOf(moved), await stateOf(whole)), `${written} ${to}`).toBe(true);
    }
  });

  it('is refused by name where its arenas are none of this run, and stays as it was', async () => {
    const t = await trainTo(2, small);
    await inArenas(t, small);
    const state = await openSafetensors(await stateOf(t));
    const cut: Record<string, TensorToWrite> = {};
    for (const name of state.names) {
      const data = await state.read(name);
      cut[name] = { shape: state.shape(name)!, data };
      if (name === 'adam.m.1' || name === 'adam.v.1')
        cut[name] = { shape: [data.length + 64], data: new Float32Array(data.length + 64) };
    }
    const bytes = writeSafetensors(cut, state.metadata);
    await t.files.write(statePath('r'), bytes);
    await expect(t.start({ resume: true }).record).rejects.toMatchObject({ name: 'BadFile' });
    expect(same(await stateOf(t), bytes)).toBe(true);
  });
});

describe('a bad state is refused by name', () => {
  const change = async (
    t: TestTraining,
    { drop = '', metadata = {} }: { drop?: string; metadata?: Record<string, string> },
  ): Promise<void> => {
    const state = await openSafetensors(await stateOf(t));
    const kept: Record<string, TensorToWrite> = {};
    for (const name of state.names)
      if (name !== drop) kept[name] = { shape: state.shape(name)!, data: await state.read(name) };
    await t.files.write(statePath('r'), writeSafetensors(kept, { ...state.metadata, ...metadata }));
  };
  const site = 'down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.lora_up.weight';

  it.each([
    ['BadFile', { metadata: { step: 'two' } }],
    ['BadFile', { metadata: { step: '-1' } }],
    ['BadFile', { metadata: { step: '1000' } }],
    ['BadFile', { metadata: { version: '3' } }],
    ['MissingTensor', { drop: `param.${site}` }],
    ['MissingTensor', { drop: `exp_avg_sq.${site}` }],
  ] as const)('%s for %j', async (name, changed) => {
    const t = await trainTo(2, 2 ** 28);
    await change(t, changed);
    await expect(t.start({ resume: true }).record).rejects.toMatchObject({ name });
    expect((await t.runs.metrics('r')).length).toBe(2);
  });
});

it('finds a layout by the sizes of its arenas, and none where there is none', () => {
  const tensors = [130, 64, 1, 500, 64].map((n, i) => ({ name: `t${i}`, shape: [n] }));
  for (const limit of [512, 576, 768, 1024, 4096]) {
    const layout = layoutArenas(tensors, limit);
    expect(layoutOfSizes(tensors, layout.arenas)).toEqual(layout);
  }
  for (const sizes of [[], [64], [192, 64, 64, 512, 64, 64], [128, 768], [960], [192, 0, 704]])
    expect(layoutOfSizes(tensors, sizes), sizes.join()).toBeUndefined();
});
