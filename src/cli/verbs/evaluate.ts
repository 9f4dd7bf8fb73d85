import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { embeddedModels } from '../../data/embeddedModels.ts';
import type { ListedPrompt } from '../../data/formats/promptSets.ts';
import { armFigures, type ComparedItem } from '../../evaluation/armFigures.ts';
import { Bootstrap } from '../../evaluation/bootstrap.ts';
import { comparedItems } from '../../evaluation/comparedItems.ts';
import {
  cosineDistance,
  type DiversityFigures,
  diversityOf,
  pixelDistance,
  seedsOf,
} from '../../evaluation/diversity.ts';
import { ratersFigures } from '../../evaluation/raters.ts';
import { standardOf } from '../../evaluation/judgedReport.ts';
import { standardMarkdown } from '../../evaluation/standardTable.ts';
import { comparingJudge, type JudgeInfo, labelledWords, signaturesOf } from '../../judges/judge.ts';
import type { Engine } from '../../service/engineService.ts';
import type { ModelRef, Score } from '../../service/types.ts';
import type { Arithmetic } from '../../shared/arithmetic.ts';
import { distinctBy } from '../../shared/arrays.ts';
import { WinnowError } from '../../shared/errors.ts';
import { parseJsonObject } from '../../shared/json.ts';
import { limits } from '../../shared/limits.ts';
import { nameOf } from '../../shared/paths.ts';
import {
  absolute,
  checkTotal,
  count,
  distinct,
  doNothing,
  number,
  promptSet,
  promptsHelp,
  required,
  seeds,
} from '../arguments.ts';
import { type Arm, armHelp, openPictures, parseArm, picturesFor, refsOf, runsOf } from '../arms.ts';
import { productRoot, withEngine } from '../engine.ts';
import {
  describe,
  type Evaluation,
  evaluationReport,
  figuresOf,
  type JudgedEvaluation,
  MOST_SHOWN,
  type ShownItem,
} from '../evaluationReport.ts';
import { outFolder } from '../fileErrors.ts';
import { askedOf, generationOptions, makeImages, sayCuts, saySampler, settingsOf } from '../generation.ts';
import { askedJudge, judgeCalled, scaleOf } from '../judges.ts';
import { checkModels } from '../modelRef.ts';
import { readLabels } from '../records.ts';
import { arithmeticsOf, scoreAll } from '../scoring.ts';
import { Pace, type Terminal } from '../terminal.ts';
import { badArguments, defineVerb } from '../verb.ts';

/** Pictures inside the report, in bytes: with more it would be too large to send. */
const MOST_SHOWN_BYTES = 40 * 2 ** 20;
/** Pictures whose features are asked for in one turn of the engine. */
const FEATURES = 16;
/** Of the options those that say how pictures are drawn; the others have a default. */
const drawing = [
  'negative',
  'steps',
  'guidance',
  'guidance-rescale',
  'size',
  'scheduler',
  'eta',
  'karras',
  'init',
  'strength',
] as const satisfies readonly (keyof typeof generationOptions)[];
/** Every two are compared. */
const MOST_ARMS = 20;

export const evaluate = defineVerb({
  name: 'evaluate',
  summary: 'compare models on the same prompts and seeds by judges',
  positionals: ['MODEL', 'MODEL...'],
  options: {
    prompts: {
      kind: 'list',
      value: 'FILE',
      help: `${promptsHelp}; take ones that were not trained on (default: those of the first folder of pictures)`,
    },
    seeds: { kind: 'text', value: 'LIST', help: 'seeds, as 0-3,7', default: '0-1' },
    count: {
      kind: 'text',
      value: 'N',
      help: 'comparisons of two models: prompts spread over the list, each with all its seeds (default: all)',
    },
    judge: {
      kind: 'list',
      value: 'NAME|FOLDER|FILE',
      help: "a judge that came with the first model, or the path of one's folder or file, `:SCALE` behind it for that scale alone; the first that is given decides (default: the first that did not label what the runs trained on)",
      formerly: 'scorer',
    },
    'tie-margin': {
      kind: 'text',
      value: 'X',
      help: 'scores of the first judge no further apart than this are a tie',
      default: '0',
    },
    standard: {
      kind: 'flag',
      help: 'print the table that papers print, in Markdown: mean, median and win rate over the first model by every judge',
    },
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
    ...armHelp,
  ],
  example: 'postcard postcard+my-run --prompts public/prompts/test.txt --count 100 --out evaluation',
  async run(models, values, terminal) {
    const arms = numbered(
      models.map((model) => parseArm(model, values['prediction-type'])),
      'name',
    );
    if (arms.length > MOST_ARMS)
      throw badArguments(`${arms.length} models were given.`, `Compare at most ${MOST_ARMS} at a time.`);
    const refs = arms.flatMap(refsOf);
    const say = (text: string): void => terminal.note(text);
    const listed = values.prompts.length > 0 ? await promptSet({ prompts: values.prompts }) : [];
    const folders = new Map<Arm, Awaited<ReturnType<typeof openPictures>>>();
    for (const arm of arms) if (arm.kind === 'pictures') folders.set(arm, await openPictures(arm, listed, say));
    const [pictured] = folders.values();
    if (refs.length === 0) doNothing(values, drawing, 'with pictures that are there already');
    const given = onceEach(
      values.prompts.length > 0 || !pictured
        ? values.prompts.length > 0
          ? listed
          : await promptSet({ prompts: [] })
        : pictured.prompts.map((prompt) => ({ prompt })),
      say,
    );
    const seedList = distinct('seeds', seeds('seeds', values.seeds), say);
    checkTotal(given.length, seedList.length);
    const most = values.count === undefined ? limits.count : count('count', values.count);
    const margin = number('tie-margin', values['tie-margin'], { min: 0 });
    const named = askedJudges(values.judge, say);
    const asked = askedOf(values);
    const raters = values.labels.length > 0 ? ratersFigures(readLabels(values.labels, say)) : undefined;
    const out = outFolder(required('out', values.out));
    const bases = [...new Set(refs.map(({ base }) => base))];
    const [base = embeddedModels[0]!, ...others] = bases;
    return withEngine(terminal, { base, others, root: out, matrices: values.matrices }, async (engine) => {
      const infos = await engine.models();
      const infoOf = (ref: ModelRef) => infos[bases.indexOf(ref.base)]!;
      const [info] = infos;
      await checkModels(engine, refs);
      if (refs.length > 0) saySampler(terminal, info!, values.scheduler);
      // What a folder holds stands there by its words.
      const list = folders.size > 0 ? given : await apartOf(engine, refs, given, say);
      const items: ComparedItem[] = comparedItems(list, seedList, most);
      sayUncategorised(items, say);
      // Refused before a picture is drawn.
      const brought = new Map([...folders].map(([arm, folder]) => [arm, picturesFor(folder, items, seedList)]));
      // Of pictures alone, what the judges that came with a model read.
      for (const one of refs.length > 0 ? bases : [base])
        await sayCuts(engine, terminal, { base: one, adapters: [] }, [
          ...items.map(({ prompt }) => prompt),
          values.negative ?? '',
        ]);
      const runs = runsOf(refs).map(({ name, id, pairs }) => ({ name: name || nameOf(id), pairs }));
      const signatures = signaturesOf(runs.flatMap(({ pairs }) => pairs));
      const names = named.size > 0 ? [...named.keys()] : [comparingJudge(info!.judges, signatures)?.name ?? 'b'];
      const asTheyAre: JudgeInfo[] = [];
      for (const name of names) asTheyAre.push(withScales(await judgeCalled(engine, name), named.get(name)));
      // Folders and files of one name are several judges.
      const judges = numbered(numbered(asTheyAre, 'name'), 'title');
      const { arithmetic: wanted = 'f32' } = asked.settings;
      const arithmetics = await arithmeticsOf(engine, names, wanted);
      const labelled = asTheyAre.map((judge) => labelledWords(judge, runs));
      for (const text of labelled.flat()) say(text);

      // Each model says what it does not read before the first is drawn.
      const settingsBy = new Map(refs.map((ref) => [ref, settingsOf(asked, ref, infoOf(ref))]));
      const files: string[][] = [];
      let backend = 'nothing here';
      for (const [i, arm] of arms.entries()) {
        const label = `model ${i + 1}/${arms.length}, image`;
        if (arm.kind === 'pictures') {
          files.push(brought.get(arm)!);
          continue;
        }
        let made = await makeImages(engine, terminal, out, settingsBy.get(arm.ref)!, items, label);
        if (arm.refine) {
          const { ref, strength } = arm.refine;
          made = await makeImages(
            engine,
            terminal,
            out,
            { ...settingsBy.get(ref)!, width: made[0]!.width, height: made[0]!.height },
            items.map((item, at) => ({ ...item, init: { file: absolute(join(out, made[at]!.file)), strength } })),
            `model ${i + 1}/${arms.length}, second pass, image`,
          );
        }
        const { ranOn, arithmetic } = made[0]!;
        if (backend === 'nothing here') backend = arithmetic ? `${ranOn} in ${arithmetic}` : ranOn;
        files.push(made.map(({ file }) => file));
      }

      const judged: JudgedEvaluation[] = [];
      for (const [at, judge] of judges.entries()) {
        const scores = await scoreAll(
          engine,
          terminal,
          names[at]!,
          files.flatMap((all) => all.map((file, i) => ({ file, prompt: items[i]!.prompt }))),
          {
            doing: judges.length > 1 ? `${judge.name}: score` : 'score',
            stopped: 'The evaluation',
            arithmetic: wanted,
          },
        );
        const byArm = arms.map((_, arm): Score[] => scores.slice(arm * items.length, (arm + 1) * items.length));
        judged.push({
          judge,
          labelled: labelled[at]!,
          arithmetic: arithmetics[at]!,
          scores: byArm,
          figures: armFigures(items, {
            scales: judge.scales.map(({ name }) => name),
            scores: byArm,
            tieMargin: at === 0 ? margin : 0,
          }),
        });
      }
      const evaluation: Evaluation = {
        names: arms.map(({ name }) => name),
        items,
        tieMargin: margin,
        judged,
        diversity: await diversity(
          engine,
          terminal,
          judges.map((info, at) => ({ name: names[at]!, info })),
          items,
          files,
          wanted,
        ),
        sameNoise: folders.size === 0,
        backend,
      };
      const figures = figuresOf(evaluation);
      writeFileSync(join(out, 'figures.json'), `${JSON.stringify(figures, null, 2)}\n`);
      writeFileSync(
        join(out, 'report.html'),
        evaluationReport(evaluation, shown(out, evaluation, files), new Date(), raters),
      );
      return {
        json: { out, report: join(out, 'report.html'), ...figures, ...(raters && { raters }) },
        text: `${values.standard ? standardMarkdown(standardOf(evaluation)) : describe(evaluation)}\nReport: ${join(values.out!, 'report.html')}`,
      };
    });
  },
});

/** By each judge's name as the engine knows it, in order, what of it is asked for: scales, or undefined for all of them. */
function askedJudges(texts: readonly string[], say: (text: string) => void): Map<string, Set<string | undefined>> {
  const each = texts.map((text) => askedJudge(text, 'judge'));
  distinct(
    'judges',
    each.map(({ name, scale = '' }) => `${name}:${scale}`),
    say,
  );
  const asked = new Map<string, Set<string | undefined>>();
  for (const { name, scale } of each) asked.set(name, (asked.get(name) ?? new Set()).add(scale));
  return asked;
}

/** With the scales that are asked for, the first of which it goes by. Throws BadArguments for one that it does not have. */
function withScales(
  judge: JudgeInfo,
  asked: ReadonlySet<string | undefined> | undefined,
): JudgeInfo & { narrowed?: true } {
  if (!asked) return judge;
  const all = judge.scales.map(({ name }) => name);
  const names = new Set([...asked].flatMap((scale) => (scale === undefined ? all : scaleOf(judge, scale))));
  const scales = [...names].map((wanted) => judge.scales.find(({ name }) => name === wanted)!);
  return { ...judge, scales, ...(scales.length < all.length && { narrowed: true }) };
}

/** Two of the same name are told apart by their places. */
function numbered<K extends string, T extends Readonly<Record<K, string>>>(all: readonly T[], field: K): T[] {
  return all.map((one, i) =>
    all.some((other, j) => j !== i && other[field] === one[field])
      ? { ...one, [field]: `${one[field]} (${i + 1})` }
      : one,
  );
}

function onceEach(listed: readonly ListedPrompt[], say: (text: string) => void): ListedPrompt[] {
  const once = new Set(
    distinct(
      'prompts',
      listed.map(({ prompt }) => prompt),
      say,
    ),
  );
  const prompts = distinctBy(listed, ({ prompt }) => prompt).filter(({ prompt }) => once.has(prompt));
  if (prompts.some(({ category }) => category !== undefined)) return prompts;
  const known = bundledCategories();
  return prompts.map(({ prompt }) => {
    const category = known.get(prompt);
    return { prompt, ...(category !== undefined && { category }) };
  });
}

/** Of the prompts that come with the product. */
function bundledCategories(): Map<string, string> {
  const file = join(productRoot, 'public/prompts/categories.json');
  const { train, test } = parseJsonObject(readFileSync(file), { file }) as Record<
    'train' | 'test',
    Record<string, string[]>
  >;
  return new Map(
    [train, test].flatMap((lists) =>
      Object.entries(lists).flatMap(([category, all]) => all.map((prompt): [string, string] => [prompt, category])),
    ),
  );
}

/** The terminal shows no categories; who reads them elsewhere is not surprised by the further row. */
function sayUncategorised(items: readonly ComparedItem[], say: (text: string) => void): void {
  const prompts = distinctBy(items, ({ prompt }) => prompt);
  const without = prompts.filter(({ category }) => category === undefined).length;
  if (without > 0 && without < prompts.length)
    say(
      `${without} of ${prompts.length} prompts ${without === 1 ? 'has' : 'have'} no category: figures by category have a row of their own for ${without === 1 ? 'it' : 'them'}.`,
    );
}

async function apartOf(
  engine: Engine,
  refs: readonly ModelRef[],
  given: readonly ListedPrompt[],
  say: (text: string) => void,
): Promise<ListedPrompt[]> {
  const kept = new Set(
    await apart(
      engine,
      refs,
      given.map(({ prompt }) => prompt),
      say,
    ),
  );
  return given.filter(({ prompt }) => kept.has(prompt));
}

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

/** By the embedding of the first judge that has one, else by pixels; null where no prompt has two seeds. */
async function diversity(
  engine: Pick<Engine, 'features'>,
  terminal: Terminal,
  judges: readonly { name: string; info: JudgeInfo }[],
  items: readonly ComparedItem[],
  files: readonly (readonly string[])[],
  arithmetic: Arithmetic,
): Promise<DiversityFigures | null> {
  const groups = seedsOf(items);
  if (groups.every((group) => group.length < 2)) return null;
  const judge = judges.find(({ info }) => info.embeds);
  const pace = new Pace();
  const total = files.length * items.length;
  let done = 0;
  let stop = false;
  terminal.onInterrupt(() => (stop = true));
  const features: Float32Array[][][] = [];
  for (const all of files) {
    const vectors: Float32Array[] = [];
    while (vectors.length < all.length) {
      if (stop)
        throw new WinnowError(
          'Cancelled',
          'The evaluation was stopped.',
          'Its images are kept: the same command goes on.',
        );
      vectors.push(
        ...(await engine.features(
          judge?.name ?? null,
          all.slice(vectors.length, vectors.length + FEATURES),
          arithmetic,
        )),
      );
      terminal.status(
        `diversity ${done + vectors.length}/${total}${pace.left(done + vectors.length, total)}`,
        done + vectors.length === total,
      );
    }
    done += all.length;
    features.push(groups.map((group) => group.map((at) => vectors[at]!)));
  }
  const models = diversityOf(features, new Bootstrap(groups.length), judge ? cosineDistance : pixelDistance);
  return models && { by: judge?.info.title ?? null, models };
}

/** Made here, or an absolute path of a picture from elsewhere. */
const pathIn = (out: string, file: string): string => (absolute(file) === file ? file : join(out, file));

/** The first items, as many as fit. */
function shown(out: string, { items, judged }: Evaluation, files: readonly (readonly string[])[]): ShownItem[] {
  const found: ShownItem[] = [];
  let bytes = 0;
  const [{ judge, scores }] = judged as [JudgedEvaluation];
  for (const [at, { prompt, seed }] of items.slice(0, MOST_SHOWN).entries()) {
    const images = files.map((all, model) => ({
      png: new Uint8Array(readFileSync(pathIn(out, all[at]!))),
      score: scores[model]![at]![judge.scales[0]!.name]!,
    }));
    bytes += images.reduce((sum, { png }) => sum + png.length, 0);
    if (found.length > 0 && bytes > MOST_SHOWN_BYTES) break;
    found.push({ prompt, seed, images });
  }
  return found;
}
