import { existsSync } from 'node:fs';
import {
  judgeFigures,
  type JudgeFigures,
  mean,
  type Scored,
  scoredPair,
  scoredPicture,
} from '../../evaluation/judgeFigures.ts';
import { percent, range } from '../../evaluation/figureWords.ts';
import { embeddedModels } from '../../data/embeddedModels.ts';
import type { Engine } from '../../service/engineService.ts';
import type { ModelRef, PairRecord } from '../../service/types.ts';
import type { Arithmetic } from '../../shared/arithmetic.ts';
import { WinnowError } from '../../shared/errors.ts';
import { absolute, doNothing, number, oneOf } from '../arguments.ts';
import { withEngine } from '../engine.ts';
import { sayCuts } from '../generation.ts';
import { implicitOfPairs } from '../implicit.ts';
import { type Asked, askedJudge, judgeCalled, scaleOf } from '../judges.ts';
import { checkModels, isRun, namesRun, parseModelRef } from '../modelRef.ts';
import { type PictureSource, pictureSource } from '../pictureSource.ts';
import { readLabels } from '../records.ts';
import { arithmeticsOf, lostInWords, scoreReadable } from '../scoring.ts';
import { table, type Terminal } from '../terminal.ts';
import { badArguments, defineVerb } from '../verb.ts';

export const score = defineVerb({
  name: 'score',
  summary: 'what judges say of pairs or of pictures, and how often they side with labels',
  positionals: ['SOURCE'],
  options: {
    by: {
      kind: 'list',
      value: 'WHO',
      help: "a judge that came with the model, by its name (a, b), or the path of one's folder or file, `:SCALE` behind it for another than its first scale (a:alignment); or MODEL+RUN or RUN[@step or @best], for its implicit reward",
    },
    labels: {
      kind: 'list',
      value: 'FILE',
      help: 'labels of the pairs, a file or a folder with one: how often each judge prefers what they prefer',
    },
    'tie-margin': {
      kind: 'text',
      value: 'X',
      help: 'scores no further apart than this are a tie, which counts half',
      default: '0',
    },
    arithmetic: {
      kind: 'text',
      value: 'NAME',
      help: 'f32, or f16: large judges, which our kernels run, multiply in half width, where the GPU offers shader-f16; small ones and rewards stay in f32',
      default: 'f32',
    },
    model: {
      kind: 'text',
      value: 'MODEL',
      help: "whose judges, and whose words (default: the model that made the pictures, else the product's own)",
    },
  },
  notes: [
    'SOURCE is a pairs folder, or a folder of PNG, JPEG or WebP files. Of a picture on its own the prompt is what images.jsonl or metadata.jsonl (.csv, .parquet) says',
    'of it, else what a text file of its name holds, else what is written in the PNG.',
    'MODEL+RUN rates pairs by how much more likely its training made each picture (over 10 draws of timestep and noise, the same for all pairs).',
    'A margin is the score of the first picture of a pair less that of the second; mean and median are those of all pictures.',
  ],
  example: 'pairs --by a --by b --labels pairs/labels.jsonl',
  async run([folder], values, terminal) {
    const say = (text: string): void => terminal.note(text);
    if (values.by.length === 0) throw badArguments('--by is missing.', 'Say who judges: --by a.');
    const asked = values.by.map(whoOf);
    const arithmetic = oneOf('arithmetic', values.arithmetic, ['f32', 'f16']);
    const tieMargin = number('tie-margin', values['tie-margin'], { min: 0 });
    const source = await pictureSource(folder!, say);
    if (!source.pairs) doNothing({ labels: values.labels[0] }, ['labels'], 'with pictures that are no pairs');
    const labels = values.labels.length > 0 ? readLabels(values.labels, say).byPair : undefined;
    if (labels && !source.pairs!.some(({ id }) => labels.has(id)))
      throw badArguments(
        'None of the labels is about these pairs.',
        'Give the labels of these pairs, or leave them out.',
      );
    const [trained] = asked.flatMap((who) => ('ref' in who ? [who.ref.base] : []));
    // A judge's name is one of a model's; who brings none needs none.
    const onlyTrained = asked.every((who) => 'ref' in who);
    const base =
      values.model !== undefined ? parseModelRef(values.model).base : onlyTrained ? trained! : baseOf(source, say);
    return withEngine(terminal, { base, root: absolute(folder!) }, async (engine) => {
      const by: Computed[] = [];
      const judges = asked.flatMap((who) => ('ref' in who ? [] : [who.name]));
      const computed = await arithmeticsOf(engine, judges, arithmetic);
      const inHalf = new Set(judges.filter((_, i) => computed[i] === 'f16'));
      if (arithmetic === 'f16' && inHalf.size === 0)
        throw badArguments(
          '--arithmetic f16 does nothing here: rewards are computed in f32, and small judges by onnxruntime, which has f32 alone.',
          'Leave it out, or give a large judge.',
        );
      const scored: Scored[][] = [];
      // Refused before the first of them looks at a picture: a run takes minutes.
      await checkModels(
        engine,
        asked.flatMap((who) => ('ref' in who ? [who.ref] : [])),
      );
      const rating: (() => Promise<Scored[]>)[] = [];
      for (const who of asked)
        rating.push(
          'ref' in who
            ? implicitly(engine, terminal, who, { folder: folder!, pairs: source.pairs })
            : await scoredBy(engine, terminal, { ...who, arithmetic }, { source, base }),
        );
      for (const rate of rating) scored.push(await rate());
      for (const [i, who] of asked.entries())
        by.push({
          ...judgeFigures(who.text, scored[i]!, { labels, tieMargin }),
          ...('name' in who && inHalf.has(who.name) && { arithmetic: 'f16' }),
        });
      return { json: { by }, text: describe(by, source, labels !== undefined) };
    });
  },
});

/** With what the judge was computed in; f32 if left out. */
type Computed = JudgeFigures & { arithmetic?: 'f16' };

/** A model with what it was trained to. */
interface Trained {
  /** As it was given. */
  text: string;
  ref: ModelRef;
}

/** A path that is there is a judge's, unless it is a run's; `MODEL+RUN` names no judge. */
const whoOf = (text: string): Asked | Trained =>
  isRun(text) || (!existsSync(text) && (text.includes('+') || namesRun(text)))
    ? { text, ref: parseModelRef(text) }
    : askedJudge(text);

/** The rewards of the pictures of a pair by the model, up to a constant of the prompt: their difference is the pair's mean logit over the bank.
 *  Throws BadArguments before it begins. */
function implicitly(
  engine: Engine,
  terminal: Terminal,
  trained: Trained,
  { folder, pairs }: { folder: string; pairs: PairRecord[] | null },
): () => Promise<Scored[]> {
  if (!pairs)
    throw badArguments(
      `${trained.text} rates the two pictures of a pair against one another, and these are no pairs.`,
      'Give a pairs folder.',
    );
  return async () => {
    const rated = await implicitOfPairs(engine, terminal, trained, { folder, pairs });
    return rated.map(({ pair, winner, loser, margin }) => ({ pair, margin, scores: [winner, loser] }));
  };
}

/** The model whose judges are meant where nobody says so. */
function baseOf({ madeBy }: PictureSource, say: (text: string) => void): string {
  if (madeBy !== null && (embeddedModels.includes(madeBy) || existsSync(madeBy))) return madeBy;
  const [base] = embeddedModels;
  if (madeBy !== null)
    say(`The model that made the pictures (${madeBy}) is not here: a judge's name is one of ${base}'s.`);
  return base!;
}

/** Rejects with what is wrong with the judge, or with what it lacks, before it begins. */
async function scoredBy(
  engine: Engine,
  terminal: Terminal,
  { name, scale: wanted, text, arithmetic }: Asked & { arithmetic: Arithmetic },
  { source: { pairs, pictures }, base }: { source: PictureSource; base: string },
): Promise<() => Promise<Scored[]>> {
  const judge = await judgeCalled(engine, name);
  const scale = scaleOf(judge, wanted);
  if (judge.scales.find((one) => one.name === scale)!.needs.includes('prompt')) {
    const without = pictures.filter(({ prompt }) => prompt === null);
    if (without.length > 0)
      throw badArguments(
        `${judge.title} reads prompts, and ${without.length} of ${pictures.length} pictures have none (${without[0]!.file}).`,
        'Put a text file of the same name beside each picture, or a metadata.jsonl with file_name and prompt.',
      );
    // A judge that came with a model reads what the model reads.
    if (judge.from === 'model') {
      const prompts = pictures.flatMap(({ prompt }) => prompt ?? []);
      await sayCuts(engine, terminal, { base, adapters: [] }, prompts);
    }
  }
  return async () => {
    const { scores, lost } = await scoreReadable(
      engine,
      terminal,
      name,
      pictures.map(({ file, prompt }) => ({ file, prompt: prompt ?? '' })),
      { doing: `${text}: picture`, arithmetic },
    );
    const numbers = scores.map((one) => one && one[scale]!);
    const all: (Scored | null)[] = pairs
      ? pairs.map(({ id }, i) => {
          const [first = null, second = null] = numbers.slice(2 * i, 2 * i + 2);
          return first === null || second === null ? null : scoredPair(id, [first, second]);
        })
      : pictures.map(({ file }, i) => {
          const number = numbers[i] ?? null;
          return number === null ? null : scoredPicture(file, number);
        });
    const found = all.filter((one) => one !== null);
    if (found.length === all.length) return found;
    const what = `${all.length - found.length} of ${all.length} ${pairs ? 'pairs' : 'pictures'}`;
    if (found.length === 0)
      throw new WinnowError('NotFound', `${what} cannot be read. ${lost[0]!.message}`, 'Bring the pictures back.');
    terminal.note(`${text}: ${lostInWords(`${what} ${all.length - found.length === 1 ? 'is' : 'are'}`, lost)}`);
    return found;
  };
}

const plain = (value: number | null): string => (value === null ? '-' : value.toPrecision(5));

function describe(by: readonly Computed[], { pairs }: PictureSource, labelled: boolean): string {
  const columns = pairs ? ['pairs', ...(labelled ? ['agrees', '95 %'] : []), 'ties', 'mean margin'] : ['pictures'];
  return table([
    ['by', ...columns, 'mean', 'median'],
    ...by.map(({ who, arithmetic, n, accuracy, interval, ties, mean: middle, median, perPair }) => [
      arithmetic ? `${who} in ${arithmetic}` : who,
      String(n),
      ...(pairs
        ? [
            ...(labelled ? [accuracy === null ? '-' : percent(accuracy), interval ? range(interval) : '-'] : []),
            String(ties),
            plain(mean(perPair.map(({ margin }) => margin!))),
          ]
        : []),
      plain(middle),
      plain(median),
    ]),
  ]);
}
