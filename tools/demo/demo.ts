/** The whole loop without a person: pairs of the embedded model, labelled by scorer A, Diffusion-DPO, judged by scorer B on prompts and
 *  seeds that were not trained on. Runs in a page on the studio's own engine worker; tools/demo.mjs opens the page and keeps the result. */
import { samplingDefaults } from '../../src/data/embeddedModels.ts';
import { foldLabels } from '../../src/data/labels.ts';
import { pairsFor } from '../../src/data/pairs.ts';
import { openOpfsStore } from '../../src/data/opfs.ts';
import { type Outcome, tally, winRate } from '../../src/evaluation/winRate.ts';
import type {
  GenerationSettings,
  ImageRecord,
  LabelEvent,
  ModelRef,
  Score,
  StepMetrics,
} from '../../src/service/types.ts';
import { RandomStream } from '../../src/shared/rng.ts';
import { connectEngine, listener } from '../../src/studio/app/workers.ts';
import { configFor, presetNamed } from '../../src/training/presets.ts';

export interface DemoOptions {
  pairs: number;
  bestOf: number;
  prompts: number;
  seeds: number;
  steps: number;
  preset: string;
  reference: 'auto' | 'onnx' | 'engine';
  seed: number;
}

/** Of the judges that come with the embedded model. */
type TasteScore = Score & { appeal: number; alignment: number };

export interface DemoResult {
  winRate: number;
  interval: [number, number];
  ties: number;
  n: number;
  implicitAccuracy: number;
  pairs: number;
  steps: number;
  reference: 'onnx' | 'engine';
  sampler: string;
  seconds: number;
  /** Mean rise of the judge's appeal from base to tuned, and the deviation of the base's own scores. */
  gain: number;
  baseDeviation: number;
  /** Means of the judge's alignment. */
  alignment: { base: number; tuned: number };
  step0Logit: number | null;
  secondsByPart: Record<string, number>;
  adapter: string;
  config: unknown;
  metrics: StepMetrics[];
  /** Comparisons with their pictures as data URLs, the first few. */
  shown: { prompt: string; seed: number; base: string; tuned: string; baseAppeal: number; tunedAppeal: number }[];
}

declare global {
  interface Window {
    winnowProgress?: (line: string) => Promise<void>;
    runDemo: (options: DemoOptions) => Promise<DemoResult>;
  }
}

const log = (line: string): void => {
  document.getElementById('log')!.textContent += `${line}\n`;
  void window.winnowProgress?.(line);
};

async function promptList(name: string): Promise<string[]> {
  const text = await (await fetch(`prompts/${name}.txt`)).text();
  return text.split('\n').filter((line) => line.trim() !== '');
}

const sample = <T>(items: readonly T[], count: number, seed: number): T[] =>
  new RandomStream({ seed, purpose: 'promptChoice' }).shuffled(items).slice(0, count);

async function dataUrl(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.addEventListener('load', () => resolve(reader.result as string));
    reader.readAsDataURL(new Blob([bytes], { type: 'image/png' }));
  });
}

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

window.runDemo = async (options) => {
  const start = performance.now();
  const secondsByPart: Record<string, number> = {};
  const timed = async <T>(part: string, work: () => Promise<T>): Promise<T> => {
    const from = performance.now();
    const result = await work();
    secondsByPart[part] = Math.round((performance.now() - from) / 1000);
    log(`${part}: ${secondsByPart[part]} s`);
    return result;
  };
  const { engine } = connectEngine((message) => log(`engine: ${message}`));
  const files = await openOpfsStore();
  const system = await timed('start', () => engine.start(listener(({ what }) => log(what))));
  log(
    `GPU ${system.adapter.description || system.adapter.architecture}; pictures by ${system.choices.sampler}; ${JSON.stringify(system.choices.measuredMs)}`,
  );
  const [info] = await engine.models();
  if (!info) throw new Error('there is no embedded model');
  const base: ModelRef = { base: info.id, adapters: [] };
  const settings: GenerationSettings = {
    model: base,
    negativePrompt: '',
    ...samplingDefaults,
    ...info.defaultSize,
    sampler: 'auto',
  };

  const trainPrompts = sample(await promptList('train'), options.pairs, options.seed);
  const pairs = await timed('pairs', () =>
    engine.makePairs(
      'pairs',
      {
        ...settings,
        prompts: trainPrompts,
        count: options.pairs,
        seed: options.seed,
        bestOf: { k: options.bestOf, judge: 'a' },
      },
      listener((event) => {
        if (event.type === 'pair' && event.done % 10 === 0) log(`pair ${event.done} of ${event.total}`);
      }),
    ),
  );
  const labels = await timed('label', () => label(pairs.map((pair) => pair.images)));
  async function label(images: [ImageRecord, ImageRecord][]): Promise<LabelEvent[]> {
    const scores = (await engine.score('a', images.flat())) as TasteScore[];
    return pairs.map((pair, i): LabelEvent => {
      const [first, second] = [scores[2 * i]!.appeal, scores[2 * i + 1]!.appeal];
      const answer = first === second ? 'tie' : first > second ? 'left' : 'right';
      return {
        type: 'label',
        id: crypto.randomUUID(),
        pair: pair.id,
        answer,
        shownLeft: 0,
        clearly: false,
        elapsedMs: 0,
        at: new Date().toISOString(),
        by: 'a',
      };
    });
  }

  const preset = presetNamed(options.preset);
  if (!preset) throw new Error(`no preset is named ${options.preset}`);
  const chosen = configFor(preset, options.pairs);
  const config = {
    ...chosen,
    steps: options.steps || chosen.steps,
    reference: options.reference,
    seed: options.seed,
    sampleEvery: 0,
  };
  const metrics: StepMetrics[] = [];
  const run = `demo-${options.seed}`;
  const record = await timed('train', () =>
    engine.train(
      'train',
      {
        run,
        name: 'Demo',
        model: base,
        config,
        pairs: pairsFor(config, pairs, foldLabels(labels)),
        resume: false,
      },
      listener((event) => {
        if (event.type === 'preparing' && event.done === 0) log(event.what);
        if (event.type !== 'step') return;
        metrics.push(event.metrics);
        const { step, loss, implicitAccuracy, elapsedMs } = event.metrics;
        if (step % 5 === 0)
          log(
            `step ${step} of ${event.steps}: loss ${loss.toFixed(4)}, accuracy ${implicitAccuracy.toFixed(2)}, ${(elapsedMs / 1000).toFixed(1)} s`,
          );
      }),
    ),
  );

  const testPrompts = sample(await promptList('test'), options.prompts, options.seed + 1);
  const items = testPrompts.flatMap((prompt, i) =>
    Array.from({ length: options.seeds }, (_, s) => ({ prompt, seed: 1_000_000 + i * options.seeds + s })),
  );
  const through = (name: string, model: ModelRef): Promise<ImageRecord[]> =>
    engine.generate(
      name,
      { ...settings, model, items },
      listener((event) => {
        if (event.type === 'image' && (event.item + 1) % 20 === 0)
          log(`${name}: picture ${event.item + 1} of ${event.items}`);
      }),
    );
  const baseImages = await timed('evaluate base', () => through('base', base));
  const tunedImages = await timed('evaluate tuned', () =>
    through('tuned', { base: info.id, adapters: [{ kind: 'run', run, strength: 1 }] }),
  );
  const [baseScores, tunedScores] = (await timed('judge', async () => [
    await engine.score('b', baseImages),
    await engine.score('b', tunedImages),
  ])) as [TasteScore[], TasteScore[]];
  const outcomes = items.map((_, i): Outcome =>
    tunedScores[i]!.appeal > baseScores[i]!.appeal
      ? 'win'
      : tunedScores[i]!.appeal < baseScores[i]!.appeal
        ? 'loss'
        : 'tie',
  );
  const rate = winRate(tally(outcomes));
  const baseAppeal = baseScores.map((score) => score.appeal);
  const baseMean = mean(baseAppeal);
  const lastSteps = metrics.slice(-Math.max(10, Math.floor(metrics.length / 4)));
  const shown = await Promise.all(
    items.slice(0, 24).map(async ({ prompt, seed }, i) => ({
      prompt,
      seed,
      base: await dataUrl(await files.read(baseImages[i]!.file)),
      tuned: await dataUrl(await files.read(tunedImages[i]!.file)),
      baseAppeal: baseScores[i]!.appeal,
      tunedAppeal: tunedScores[i]!.appeal,
    })),
  );
  return {
    winRate: rate.rate,
    interval: rate.interval,
    ties: rate.ties,
    n: rate.n,
    implicitAccuracy: mean(lastSteps.map((m) => m.implicitAccuracy)),
    pairs: pairs.length,
    steps: record.step,
    reference: record.reference,
    sampler: system.choices.sampler,
    seconds: Math.round((performance.now() - start) / 1000),
    gain: mean(tunedScores.map((score) => score.appeal)) - baseMean,
    baseDeviation: Math.sqrt(mean(baseAppeal.map((x) => (x - baseMean) ** 2))),
    alignment: { base: mean(baseScores.map((s) => s.alignment)), tuned: mean(tunedScores.map((s) => s.alignment)) },
    step0Logit: record.step0Logit,
    secondsByPart,
    adapter: system.adapter.description || system.adapter.architecture,
    config,
    metrics,
    shown,
  };
};
