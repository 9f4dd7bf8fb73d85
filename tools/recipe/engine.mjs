/** A row's chosen settings once more by `winnow`: pairs, labels, a run, and what judges say of it. Every command goes on where it was stopped. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The rows' standard run (rig.py) is the preset `standard`, with which every run here begins. */
const standard = {
  heldOut: 0,
  saveEvery: 60,
  sampleEvery: 0,
  driftGuard: 'off',
};

/** What is drawn and labelled (by whom), the run's settings, and what else is done with it. A row without one asks for what `winnow` does not do. */
export const plans = {
  preference: { arm: '200 pairs', pairs: 200, bestOf: 4, by: 'a', set: standard },
  'implicit-reward': {
    arm: 'tuned on 200 pairs',
    pairs: 200,
    bestOf: 4,
    by: 'a',
    set: standard,
    implicit: 500,
    run: 'preference',
  },
  'beta-sweep': { arm: 'beta 5000', pairs: 100, bestOf: 4, by: 'a', set: { ...standard, beta: 5000 } },
  losses: { arm: 'sigmoid, safeguarded (SDPO 0.9)', pairs: 100, bestOf: 4, by: 'a', set: { ...standard, sdpoMu: 0.9 } },
  sft: {
    arm: 'SFT, strong base, its own pairs',
    pairs: 100,
    bestOf: 4,
    by: 'a',
    set: { ...standard, loss: 'sft', beta: undefined },
  },
  'ai-feedback': { arm: 'labels by A alignment', pairs: 100, by: 'a:alignment', set: standard },
  rounds: {
    arm: '100 labels, then 100 of the tuned model’s pictures',
    pairs: 100,
    bestOf: 4,
    by: 'a',
    set: standard,
    second: true,
  },
  refine: { arm: 'base and a second pass', pairs: 100, bestOf: 4, by: 'a', set: standard, secondPass: true },
};

const setting = (set) =>
  Object.entries(set).flatMap(([key, value]) => (value === undefined ? [] : ['--set', `${key}=${value}`]));

/** Below `work` lies what it makes: rows of the same pairs and run share them.
 *  @param winnow runs the command line: arguments → { code, out, err } */
export async function confirm(name, { winnow, model, prompts, work, seed = 0, count = 500, scale = 1, sampling = [] }) {
  const plan = plans[name];
  if (!plan) throw new Error(`winnow has no part in ${name}. It has in ${Object.keys(plans).join(', ')}.`);
  const some = (n) => Math.max(4, Math.round(n * scale));
  const set = scale < 1 ? { ...plan.set, steps: 2, pairsPerStep: 2, warmupSteps: 1, saveEvery: 1 } : plan.set;
  mkdirSync(work, { recursive: true });
  const run = async (...args) => {
    const { code, out, err } = await winnow(...args, '--json');
    if (code !== 0) throw new Error(`winnow ${args.join(' ')}: ${err}`);
    return JSON.parse(out);
  };
  const [train, test] = ['train.txt', 'test.txt'].map((file) => join(prompts, file));
  const [judge] = plan.by.split(':');
  const drawn = async (from, folder, seed) => {
    const best = plan.bestOf ? ['--best-of', String(plan.bestOf), '--judge', plan.by] : [];
    await run(
      'pairs',
      from,
      '--prompts',
      train,
      '--count',
      String(some(plan.pairs)),
      '--seed',
      String(seed),
      ...best,
      ...sampling,
      '--out',
      folder,
    );
    await run('label', folder, '--by', plan.by);
  };
  const trained = async (from, folder, out) =>
    run('train', from, folder, '--preset', 'standard', ...setting({ ...set, seed }), '--resume', '--out', out);

  const at = (kind, ...rest) => join(work, [kind, ...rest].join('-').replaceAll(':', '-'));
  const run1 = at('run', plan.run ?? name);
  const pairs = at('pairs', plan.pairs, plan.bestOf ?? 2, plan.by);
  await drawn(model, pairs, seed);
  await trained(model, pairs, run1);
  // A run's folder stands for its model with all that was trained on it.
  let tuned = run1;
  if (plan.second) {
    tuned = at('run', name, 'second');
    await drawn(run1, at('pairs', name, 'second'), seed + 100);
    await trained(run1, at('pairs', name, 'second'), tuned);
  }
  const figures = {};
  if (plan.implicit) {
    const held = at('held', plan.implicit);
    const seeded = ['--seed', '7', ...sampling, '--out', held];
    await run('pairs', model, '--prompts', test, '--count', String(some(plan.implicit)), ...seeded);
    for (const by of ['a', 'b']) {
      const labels = join(held, `labels-${by}.jsonl`);
      await run('label', held, '--by', by, '--out', labels);
      const [{ accuracy, interval }] = (await run('score', held, '--by', tuned, '--labels', labels)).by;
      figures[`accuracy, ${by.toUpperCase()}’s labels`] = within(accuracy, interval);
    }
  }
  const sides = [model, `tuned=${tuned}`, ...(plan.secondPass ? [`pass=${model}++0.25:${model}`] : [])];
  const seeds = ['--seeds', '0-1', '--count', String(some(count)), ...sampling];
  const judged = await run(
    'evaluate',
    ...sides,
    '--prompts',
    test,
    ...seeds,
    '--judge',
    'b',
    '--judge',
    judge,
    '--out',
    at('pictures', name),
  );
  const of = (side) => judged.comparisons.find(({ a, b }) => a === 0 && b === side);
  sides.slice(1).forEach((side, i) => {
    const { by } = of(i + 1);
    const word = i === 0 ? '' : `${side.split('=')[0]}: `;
    for (const [who, scales] of Object.entries(by)) {
      const first = Object.keys(scales)[0];
      const { deviations } = scales[first];
      if (deviations) figures[`${word}gain, ${who.toUpperCase()}`] = within(deviations.gain, deviations.interval);
      for (const [scale, { rate }] of Object.entries(scales))
        if (rate.rate !== null)
          figures[`${word}${scale} wins, ${who.toUpperCase()}`] = within(rate.rate, rate.interval);
    }
  });
  return {
    row: name,
    arm: plan.arm,
    command: `npm run reproduce -- ${name} --engine winnow`,
    engine: 'winnow under Node, our WGSL kernels',
    comparisons: judged.count,
    seed,
    figures,
  };
}

const within = (value, interval) =>
  `${value.toFixed(2)}${interval ? ` [${[interval.low ?? interval[0], interval.high ?? interval[1]].map((end) => end.toFixed(2)).join(', ')}]` : ''}`;

export function writeConfirmed(record, folder) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${record.row}.engine.json`), `${JSON.stringify(record, null, 1)}\n`);
}
