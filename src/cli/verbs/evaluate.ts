import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Outcome as Verdict, tally, type WinRate, winRate } from '../../evaluation/winRate.ts';
import type { Engine } from '../../service/engineService.ts';
import type { ImageRecord, ModelRef, Score } from '../../service/types.ts';
import { WinnowError } from '../../shared/errors.ts';
import { nameOf } from '../../shared/paths.ts';
import { checkTotal, count, distinct, number, prompts, required, seeds } from '../arguments.ts';
import { withEngine } from '../engine.ts';
import {
  type Comparison,
  type Evaluation,
  evaluationReport,
  MOST_SHOWN,
  percent,
  plain,
  range,
  signed,
  type Spread,
} from '../evaluationReport.ts';
import { outFolder } from '../fileErrors.ts';
import { askedOf, generationOptions, makeImages, sayCuts, saySampler, settingsOf } from '../generation.ts';
import { parseModelRef } from '../modelRef.ts';
import { Pace, table } from '../terminal.ts';
import { defineVerb } from '../verb.ts';

/** Images scored in one turn of the engine. */
const BATCH = 8;

export const evaluate = defineVerb({
  name: 'evaluate',
  summary: 'compare models on the same prompts and seeds by a scorer',
  positionals: ['MODEL', 'MODEL...'],
  options: {
    prompts: { kind: 'text', value: 'FILE', help: 'prompts, one on each line; take ones that were not trained on' },
    seeds: { kind: 'text', value: 'LIST', help: 'seeds, as 0-3,7', default: '0-1' },
    count: {
      kind: 'text',
      value: 'N',
      help: 'comparisons of two models, spread over prompts and seeds (default: all)',
    },
    scorer: {
      kind: 'text',
      value: 'NAME',
      help: 'judge: a or b of the first model; take one that did not label',
      default: 'b',
    },
    'tie-margin': { kind: 'text', value: 'X', help: 'appeals no further apart than this are a tie', default: '0' },
    ...generationOptions,
    out: {
      kind: 'text',
      value: 'DIR',
      help: 'folder for report.html, figures.json and the images; the same command goes on where it was stopped',
    },
  },
  notes: [
    'Each model after the first is compared with every one before it: same prompt, same seed, whichever image appeals more wins.',
    'A prompt or seed that stands there twice counts once, and so do prompts that are the same tokens to every model.',
  ],
  example: 'postcard postcard+my-run --prompts public/prompts/test.txt --count 100 --out evaluation',
  async run(models, values, terminal) {
    const refs = models.map((model) => parseModelRef(model, values['prediction-type']));
    const say = (text: string): void => terminal.note(text);
    const given = distinct('prompts', await prompts({ prompts: values.prompts }), say);
    const seedList = distinct('seeds', seeds('seeds', values.seeds), say);
    checkTotal(given.length, seedList.length);
    const most = values.count === undefined ? Infinity : count('count', values.count);
    const margin = number('tie-margin', values['tie-margin'], { min: 0 });
    const asked = askedOf(values);
    const out = outFolder(required('out', values.out));
    return withEngine(terminal, { base: refs[0]!.base, root: out }, async (engine) => {
      const [info] = await engine.models();
      saySampler(terminal, info!, values.scheduler);
      const list = await apart(engine, refs, given, say);
      const every = seedList.flatMap((seed) => list.map((prompt) => ({ prompt, seed })));
      const wanted = Math.min(every.length, most);
      const items = Array.from({ length: wanted }, (_, i) => every[Math.floor((i * every.length) / wanted)]!);
      for (const base of new Set(refs.map((ref) => ref.base)))
        await sayCuts(engine, terminal, { base, adapters: [] }, [
          ...items.map(({ prompt }) => prompt),
          values.negative ?? '',
        ]);
      if (!info!.scorers.includes(values.scorer)) {
        throw new WinnowError(
          'NotFound',
          `The model ${info!.title} has no scorer ${values.scorer}.`,
          info!.scorers.length > 0 ? `Choose ${info!.scorers.join(' or ')}.` : 'Compare by hand, in the studio.',
        );
      }
      const images: ImageRecord[][] = [];
      for (const [i, ref] of refs.entries())
        images.push(
          await makeImages(
            engine,
            terminal,
            out,
            settingsOf(asked, ref, info!),
            items,
            `model ${i + 1}/${refs.length}, image`,
          ),
        );

      const pace = new Pace();
      const flat = images.flat();
      const scores: Score[] = [];
      let stop = false;
      terminal.onInterrupt(() => (stop = true));
      for (let start = 0; start < flat.length; start += BATCH) {
        if (stop)
          throw new WinnowError(
            'Cancelled',
            'The evaluation was stopped.',
            'Its images are kept: the same command goes on.',
          );
        scores.push(
          ...(await engine.score(
            values.scorer,
            flat.slice(start, start + BATCH).map(({ file, prompt }) => ({ file, prompt })),
          )),
        );
        terminal.status(
          `score ${scores.length}/${flat.length}${pace.left(scores.length, flat.length)}`,
          scores.length === flat.length,
        );
      }
      const of = (model: number, item: number): Score => scores[model * items.length + item]!;
      const evaluation: Evaluation = {
        models: refs.map((ref, i) => ({
          name: shortName(ref),
          appeal: spread(items.map((_, item) => of(i, item).appeal)),
          alignment: spread(items.map((_, item) => of(i, item).alignment)),
        })),
        comparisons: refs.flatMap((_, b) =>
          Array.from({ length: b }, (_, a) =>
            compare(
              a,
              b,
              items.map((_, item) => [of(a, item), of(b, item)]),
              margin,
            ),
          ),
        ),
        scorer: values.scorer,
        prompts: new Set(items.map(({ prompt }) => prompt)).size,
        count: items.length,
        sampler: images[0]![0]!.ranOn,
      };
      const figures = figuresOf(evaluation);
      writeFileSync(join(out, 'figures.json'), `${JSON.stringify(figures, null, 2)}\n`);
      const shown = items.slice(0, MOST_SHOWN).map(({ prompt, seed }, item) => ({
        prompt,
        seed,
        images: images.map((made, model) => ({
          png: readFileSync(join(out, made[item]!.file)),
          appeal: of(model, item).appeal,
        })),
      }));
      writeFileSync(join(out, 'report.html'), evaluationReport(evaluation, shown, new Date()));
      return {
        json: { out, report: join(out, 'report.html'), ...figures },
        text: `${describe(evaluation)}\nReport: ${join(values.out!, 'report.html')}`,
      };
    });
  },
});

/** Of prompts that are the same tokens to every model (the same words in another case, or the same up to where they are cut off) the first:
 *  their pictures are the same, and would be one comparison that counts as two. */
export async function apart(
  engine: Engine,
  refs: readonly ModelRef[],
  prompts: readonly string[],
  say: (text: string) => void,
): Promise<string[]> {
  const keys = prompts.map(() => '');
  for (const base of new Set(refs.map((ref) => ref.base))) {
    const read = await engine.readPrompts({ base, adapters: [] }, prompts);
    read.forEach(({ tokens }, i) => (keys[i] += `${tokens}|`));
  }
  const seen = new Set<string>();
  const kept = prompts.filter((_, i) => !seen.has(keys[i]!) && seen.add(keys[i]!));
  const same = prompts.length - kept.length;
  if (same > 0) say(`${same} of ${prompts.length} prompts are the same tokens as one before; each counts once.`);
  return kept;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function spread(values: readonly number[]): Spread {
  const middle = mean(values);
  return {
    mean: middle,
    deviation:
      values.length > 1
        ? Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1))
        : 0,
  };
}

function compare(a: number, b: number, scores: readonly (readonly [Score, Score])[], margin: number): Comparison {
  const rate = (what: keyof Score, margin: number): WinRate =>
    winRate(
      tally(
        scores.map(([before, after]): Verdict =>
          Math.abs(after[what] - before[what]) <= margin ? 'tie' : after[what] > before[what] ? 'win' : 'loss',
        ),
      ),
    );
  const gain = (what: keyof Score): Spread => spread(scores.map(([before, after]) => after[what] - before[what]));
  return {
    a,
    b,
    appeal: rate('appeal', margin),
    alignment: rate('alignment', 0),
    appealGain: gain('appeal'),
    alignmentGain: gain('alignment'),
  };
}

/** What machines read. A rate is null where nothing was decided. */
function figuresOf({ comparisons, ...rest }: Evaluation): object {
  return {
    ...rest,
    comparisons: comparisons.map(({ a, b, appeal: { rate, ...appeal }, alignment, appealGain, alignmentGain }) => ({
      a,
      b,
      winRate: rate,
      ...appeal,
      appealGain,
      alignmentGain,
      alignmentWinRate: alignment.rate,
    })),
  };
}

function describe({ models, comparisons }: Evaluation): string {
  const rows = models.map(({ name, appeal, alignment }, i) => [`${i + 1} ${name}`, plain(appeal), plain(alignment)]);
  const duels = comparisons.map(({ a, b, appeal, appealGain, alignmentGain }) => [
    `${b + 1} over ${a + 1}`,
    percent(appeal.rate),
    range(appeal.interval),
    ...[appeal.wins, appeal.losses, appeal.ties, appeal.n].map(String),
    signed(appealGain),
    signed(alignmentGain),
  ]);
  return [
    table([['model', 'appeal', 'alignment'], ...rows]),
    '',
    table([
      ['', 'win rate', '95 % interval', 'wins', 'losses', 'ties', 'n', 'appeal gain', 'alignment gain'],
      ...duels,
    ]),
  ].join('\n');
}

/** As typed, without the folders things lie in: a report travels. */
const shortName = ({ base, adapters }: ModelRef): string =>
  [
    nameOf(base),
    ...adapters.map((adapter) =>
      [
        nameOf(adapter.kind === 'run' ? adapter.run : adapter.file),
        adapter.kind === 'run' && adapter.step !== undefined ? `@${adapter.step}` : '',
        adapter.strength === 1 ? '' : `:${adapter.strength}`,
      ].join(''),
    ),
  ].join(' + ');
