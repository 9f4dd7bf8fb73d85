import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSafetensors } from '../data/formats/safetensors.ts';
import { alphasCumprod, readNoiseSchedule, signalToNoise } from '../diffusion/schedule.ts';
import { type SchedulerConfig, SchedulerConfigReader } from '../diffusion/schedulerConfig.ts';
import { logSigmoid, type LossBatch, type LossParams } from './loss.ts';
import { minSnrScale } from './minSnr.ts';
import { safeguardFactor } from './safeguard.ts';
import { defaultLossSettings, type LossName, lossNames, losses, paramsOf } from './table.ts';

const params: LossParams = {
  ...paramsOf('mapo', defaultLossSettings),
  labelSmoothing: 0.15,
  dmpoAlpha: 0.02,
  linearEta: 0.1,
  mapoT: 5,
};
const batch = {
  mW: [1.2, 0.9, 0.4],
  mL: [1.1, 1.3, 0.001],
  rW: [1.25, 0.8, 0.41],
  rL: [1.0, 1.29, 0.01],
  beta: 12,
  logitScale: [1, 0.3, 0.8],
  preference: [1, 0.5, 0.7],
} satisfies LossBatch;

describe.each(lossNames)('%s', (name) => {
  it('has the derivatives of its value', () => {
    // KTO's baseline carries no gradient: hold it still by a batch whose mean u is below 0, where it is 0.
    const source =
      name === 'kto'
        ? { ...batch, rW: [1.0, 0.7, 0.3], rL: [1.0, 1.2, 0.01] }
        : // Linear-DPO's weight carries none either: beyond its clips it stands still.
          name === 'linear'
          ? { ...batch, beta: 50_000 }
          : batch;
    const { dmW: analyticW, dmL: analyticL } = losses[name].forward(source, params);
    const h = 1e-6;
    for (const [key, analytic] of [
      ['mW', analyticW],
      ['mL', analyticL],
    ] as const) {
      analytic.forEach((value, i) => {
        const at = (step: number): number =>
          losses[name].forward({ ...source, [key]: source[key].map((m, j) => (j === i ? m + step : m)) }, params).loss;
        expect(value).toBeCloseTo((at(h) - at(-h)) / (2 * h), 7);
      });
    }
  });

  it('stays finite where a run has gone astray', () => {
    for (const mW of [0, 1e4]) {
      const { loss, dmW, dmL } = losses[name].forward(
        { mW: [mW], mL: [1e4 - mW], rW: [1], rL: [1], beta: 5000 },
        params,
      );
      expect([loss, ...dmW, ...dmL].every(Number.isFinite)).toBe(true);
    }
  });

  it('pushes the loser up and the winner down where it knows nothing', () => {
    const { logit, dmW, dmL } = losses[name].forward({ mW: [0.5], mL: [0.5], rW: [0.5], rL: [0.5], beta: 100 }, params);
    expect(logit[0]! + 0).toBe(0);
    expect(dmW[0]).toBeGreaterThan(0);
    if (losses[name].readsLoser) expect(dmL[0]).toBeLessThan(0);
    else expect(dmL[0]).toBe(0);
  });
});

it('reads ln 2 in every bit at logit 0', () => {
  expect(
    losses.sigmoid.forward({ mW: [0.3], mL: [0.7], rW: [0.3], rL: [0.7], beta: 5000 }, { ...params, labelSmoothing: 0 })
      .loss,
  ).toBe(Math.LN2);
  expect(logSigmoid(0)).toBe(-Math.LN2);
});

it("is DPO's closed form at the network's output", () => {
  // dL/dm_w = (beta / 2) sigmoid(-s) / B, so dL/df_w = sigmoid(-s) beta / (B D) (f_w - y_w).
  const { logit, dmW } = losses.sigmoid.forward(batch, { ...params, labelSmoothing: 0 });
  logit.forEach((s, i) =>
    expect(dmW[i]).toBeCloseTo(((batch.beta / 2) * batch.logitScale[i]!) / (1 + Math.exp(s)) / 3, 12),
  );
});

it.each([
  [4, -1, 1],
  [4, 0, 1],
  [4, 1, 0.4],
  [1, 1, 0.1],
  [40, 1, 1],
])('safeguard: |g_w|^2 %d, <g_w, g_l> %d holds the loser back to %d', (winnerSquared, product, factor) => {
  expect(safeguardFactor({ winnerSquared, product, mu: 0.9 })).toBeCloseTo(factor, 12);
});

// The committed training runs of tools/reference: PyTorch's errors in, PyTorch's logit and loss out.
const root = join(import.meta.dirname, '../../tools/reference/cases');
interface DpoCase {
  loss: LossName;
  beta: number;
  steps: number;
  scheduler_config: SchedulerConfig;
  min_snr_gamma?: number;
}

describe('agrees with PyTorch', () => {
  const folders = readdirSync(root).filter((folder) => folder.startsWith('dpo-'));
  it.each(folders)('%s', async (folder) => {
    const spec = JSON.parse(readFileSync(join(root, folder, 'case.json'), 'utf8')) as DpoCase;
    const [expected, inputs] = await Promise.all(
      ['expected', 'inputs'].map((name) =>
        openSafetensors(readFileSync(join(root, folder, `${name}.safetensors`)), name),
      ),
    );
    const alphas = alphasCumprod(readNoiseSchedule(new SchedulerConfigReader(spec.scheduler_config, 'DDPMScheduler')));
    for (let k = 0; k < spec.steps; k++) {
      const get = (name: string): Promise<Float32Array> => expected!.read(`step.${k}.${name}`);
      const timestep = await inputs!.readInt32(`step.${k}.timestep`);
      const pairs: LossBatch = {
        mW: await get('m_w'),
        mL: await get('m_l'),
        rW: await get('r_w'),
        rL: await get('r_l'),
        beta: spec.beta,
        ...(spec.loss === 'soft' ? { preference: await inputs!.read(`step.${k}.preference`) } : {}),
        ...(spec.min_snr_gamma === undefined
          ? {}
          : { logitScale: minSnrScale(signalToNoise(alphas, timestep), spec.min_snr_gamma) }),
      };
      const { fields, forward } = losses[spec.loss];
      const { loss, logit } = forward(
        pairs,
        Object.fromEntries(
          Object.entries(fields).map(([name, { golden, default: initial }]) => [
            name,
            (spec as unknown as Record<string, number>)[golden!] ?? initial!,
          ]),
        ),
      );
      // The errors come in f32: rounded to 6e-8 of themselves, they move s by up to beta times that.
      const rounding = spec.beta * 6e-8 * Math.max(...Array.from(pairs.mW), ...Array.from(pairs.mL));
      (await get('logit')).forEach((s, i) =>
        expect(Math.abs(logit[i]! - s), `step ${k} logit`).toBeLessThan(2 * rounding + 1e-7 * Math.abs(s)),
      );
      expect(Math.abs(loss - (await get('loss'))[0]!), `step ${k} loss`).toBeLessThan(
        10 * rounding + 2e-7 * Math.abs(loss),
      );
    }
  });
});
