import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Outcome as Verdict, tally, winRate } from '../../evaluation/winRate.ts';
import { ratersFigures } from '../../evaluation/raters.ts';
import type { Engine } from '../../service/engineService.ts';
import type { JudgeInfo, Score } from '../../judges/judge.ts';
import { comparingJudge, hasLabelled } from '../../judges/table.ts';
import type { ImageRecord, ModelRef, RunRecord } from '../../service/types.ts';
import { WinnowError } from '../../shared/errors.ts';
import { nameOf } from '../../shared/paths.ts';
import { checkTotal, count, distinct, number, prompts, promptsHelp, required, seeds } from '../arguments.ts';
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
import { judgePath } from '../judges.ts';
import { parseModelRef, readRunRecord } from '../modelRef.ts';
import { readLabels } from '../records.ts';
import { Pace, table } from '../terminal.ts';
import { defineVerb } from '../verb.ts';

/** Images scored in one turn of the engine. */
const BATCH = 8;

export const evaluate = defineVerb({
  name: 'evaluate',
  summary: 'compare models on the same prompts and seeds by a judge',
  positionals: ['MODEL', 'MODEL...'],
  options: {
    prompts: { kind: 'text', value: 'FILE', help: `${promptsHelp}; take ones that were not trained on` },
    seeds: { kind: 'text', value: 'LIST', help: 'seeds, as 0-3,7', default: '0-1' },
    count: {
      kind: 'text',
      value: 'N',
      help: 'comparisons of two models, spread over prompts and seeds (default: all)',
    },
    judge: {
      kind: 'text',
      value: 'NAME|FOLDER',
      help: "a judge that came with the first model, or the path of one's folder (default: the first that did not label what the runs trained on)",
      formerly: 'scorer',
    },
    'tie-margin': { kind: 'text', value: 'X', help: 'scores no further apart than this are a tie', default: '0' },
    labels: {
      kind: 'list',
      value: 'FILE',
      help: 'labels of the pairs that were trained on: the report says who gave them and how far they agree',
    },
    ...generationOptions,
    out: {
      kind: 'text',
      value: 'DIR',
      help: 'folder for report.html, figures.json and the images; the same command goes on where it was stopped',
    },
  },
  notes: [
    'Each model after the first is compared with every one before it: same prompt, same seed, whichever image the judge scores higher wins.',
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
    const named = values.judge === undefined ? undefined : judgePath(values.judge);
    const asked = askedOf(values);
    const raters = values.labels.length > 0 ? ratersFigures(readLabels(values.labels, say)) : undefined;
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
      const runs = runsOf(refs);
      const signatures = new Set(runs.flatMap(({ pairs }) => pairs.flatMap(({ by, raters }) => raters ?? by ?? [])));
      const judgeName = named ?? comparingJudge(info!.judges, signatures)?.name ?? 'b';
      // Refused before a picture is drawn.
      const judge = await engine.judge(judgeName);
      const labelled = labelledWords(judge, runs);
      for (const text of labelled) say(text);
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
            judgeName,
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
          scores: byScale(judge, (scale) => spread(items.map((_, item) => of(i, item)[scale]!))),
        })),
        comparisons: refs.flatMap((_, b) =>
          Array.from({ length: b }, (_, a) =>
            compare(
              a,
              b,
              items.map((_, item) => [of(a, item), of(b, item)]),
              { judge, margin },
            ),
          ),
        ),
        judge,
        labelled,
        prompts: new Set(items.map(({ prompt }) => prompt)).size,
        count: items.length,
        backend: images[0]![0]!.ranOn,
      };
      const figures = figuresOf(evaluation);
      writeFileSync(join(out, 'figures.json'), `${JSON.stringify(figures, null, 2)}\n`);
      const shown = items.slice(0, MOST_SHOWN).map(({ prompt, seed }, item) => ({
        prompt,
        seed,
        images: images.map((made, model) => ({
          png: readFileSync(join(out, made[item]!.file)),
          score: of(model, item)[judge.scales[0]!.name]!,
        })),
      }));
      writeFileSync(join(out, 'report.html'), evaluationReport(evaluation, shown, new Date(), raters));
      return {
        json: { out, report: join(out, 'report.html'), ...figures, ...(raters && { raters }) },
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

/** Something of each scale of a judge. */
const byScale = <T>({ scales }: JudgeInfo, of: (scale: string) => T): Record<string, T> =>
  Object.fromEntries(scales.map(({ name }) => [name, of(name)]));

function compare(
  a: number,
  b: number,
  scores: readonly (readonly [Score, Score])[],
  { judge, margin }: { judge: JudgeInfo; margin: number },
): Comparison {
  const gains = (scale: string): number[] => scores.map(([before, after]) => after[scale]! - before[scale]!);
  const first = judge.scales[0]!.name;
  return {
    a,
    b,
    // The margin is on the scale that decides.
    rates: byScale(judge, (scale) =>
      winRate(
        tally(
          gains(scale).map((gain): Verdict =>
            Math.abs(gain) <= (scale === first ? margin : 0) ? 'tie' : gain > 0 ? 'win' : 'loss',
          ),
        ),
      ),
    ),
    gains: byScale(judge, (scale) => spread(gains(scale))),
  };
}

/** The runs behind the models. */
const runsOf = (refs: readonly ModelRef[]): RunRecord[] => {
  const paths = refs.flatMap(({ adapters }) => adapters.flatMap((one) => (one.kind === 'run' ? [one.run] : [])));
  return [...new Set(paths)].map(readRunRecord);
};

/** A judge that gave the labels says little about what was made of them. */
const labelledWords = (judge: JudgeInfo, runs: readonly RunRecord[]): string[] =>
  runs.flatMap(({ name, id, pairs }) => {
    const own = pairs.filter(({ by, raters = by === undefined ? [] : [by] }) =>
      hasLabelled(judge, new Set(raters)),
    ).length;
    return own === 0
      ? []
      : `${judge.title} labelled ${own} of the ${pairs.length} pairs of ${name || nameOf(id)}: of that run it is no independent judge.`;
  });

/** What machines read. A rate is null where nothing was decided. The scale that decides stands under the names it had when it was the only one. */
function figuresOf({ models, comparisons, judge, ...rest }: Evaluation): object {
  const [first, ...others] = judge.scales.map(({ name }) => name);
  return {
    models: models.map(({ name, scores }) => ({ name, ...scores })),
    judge,
    ...rest,
    comparisons: comparisons.map(({ a, b, rates, gains }) => {
      const { rate, ...decided } = rates[first!]!;
      return {
        a,
        b,
        winRate: rate,
        ...decided,
        ...Object.fromEntries(Object.entries(gains).map(([scale, gain]) => [`${scale}Gain`, gain])),
        ...Object.fromEntries(others.map((scale) => [`${scale}WinRate`, rates[scale]!.rate])),
      };
    }),
  };
}

function describe({ models, comparisons, judge }: Evaluation): string {
  const scales = judge.scales.map(({ name }) => name);
  const rows = models.map(({ name, scores }, i) => [
    `${i + 1} ${name}`,
    ...scales.map((scale) => plain(scores[scale]!)),
  ]);
  const duels = comparisons.map(({ a, b, rates, gains }) => {
    const { rate, interval, wins, losses, ties, n } = rates[scales[0]!]!;
    return [
      `${b + 1} over ${a + 1}`,
      percent(rate),
      range(interval),
      ...[wins, losses, ties, n].map(String),
      ...scales.map((scale) => signed(gains[scale]!)),
    ];
  });
  return [
    table([['model', ...scales], ...rows]),
    '',
    table([
      ['', 'win rate', '95 % interval', 'wins', 'losses', 'ties', 'n', ...scales.map((scale) => `${scale} gain`)],
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
