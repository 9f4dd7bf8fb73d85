import { join } from 'node:path';
import { labelKind } from '../../records/kinds.ts';
import { isForeign } from '../../records/foreignImages.ts';
import { countLabels, foldLabels, labelsOf } from '../../data/labels.ts';
import { judgeLabel } from '../../evaluation/judgeLabel.ts';
import { signature } from '../../judges/judge.ts';
import type { ImageRecord, LabelEvent, LostPicture, PairRecord } from '../../service/types.ts';
import { distinctBy } from '../../shared/arrays.ts';
import { WinnowError } from '../../shared/errors.ts';
import { formatsOf, importAs } from '../../data/importers/table.ts';
import { absolute, doNothing, number, pathSource, required } from '../arguments.ts';
import { withEngine } from '../engine.ts';
import { type Asked, askedJudge, isLabelFile, judgeCalled, judgePath, scaleHelp, scaleOf } from '../judges.ts';
import { lostInWords, sayJudgeCuts } from '../scoring.ts';
import { parseModelRef } from '../modelRef.ts';
import { appendRecords, labelsFile, readLabels, readPairs, readRecords } from '../records.ts';
import { Pace } from '../terminal.ts';
import { badArguments, defineVerb, type Outcome } from '../verb.ts';

/** Pairs scored at a time: one turn of the engine. */
const BATCH = 8;
/** Pairs that are left out. */
const MAX_NAMED = 3;

export const label = defineVerb({
  name: 'label',
  summary: 'have pairs judged, or take labels in from a file',
  positionals: ['PAIRS'],
  options: {
    judge: {
      kind: 'text',
      value: 'NAME|FOLDER|FILE',
      help: `a judge that came with the model, by its name; one of yours, by the path of its folder or file; or a file to take labels in from: ${formatsOf('labels')}`,
      formerly: 'scorer',
    },
    by: {
      kind: 'text',
      value: 'SCALE|WHO',
      help: `what it goes by: ${scaleHelp} (default: the judge's first); without --judge the judge, as in winnow score: a, a:alignment, a path`,
    },
    'tie-margin': { kind: 'text', value: 'X', help: 'scores no further apart than this are a tie (default: 0)' },
    'clear-margin': {
      kind: 'text',
      value: 'X',
      help: 'scores further apart than this are clearly left or right, which soft labels read (default: none is)',
    },
    model: { kind: 'text', value: 'MODEL', help: 'whose judges (default: the model that made the pairs)' },
    out: { kind: 'text', value: 'FILE', help: 'label file to append to (default: PAIRS/labels.jsonl)' },
  },
  notes: [
    'Pairs that the judge has judged already, and events that the file has already, are left out: the same command goes on.',
  ],
  example: 'pairs --judge a',
  async run([folder], values, terminal) {
    const say = (text: string): void => terminal.note(text);
    const pairs = readPairs(folder!, say);
    const who = whoOf(values.judge, values.by);
    const asked = who?.name ?? required('judge', values.judge);
    const file = absolute(values.out ?? join(folder!, 'labels.jsonl'));
    const before = readRecords(file, labelKind, say);
    if (!who && isLabelFile(asked)) {
      doNothing(values, ['by', 'tie-margin', 'clear-margin', 'model'], 'where labels are taken in from a file');
      return mergeLabels(asked, file, before, pairs, say);
    }

    const wanted = who ? who.scale : values.by;
    const margin = number('tie-margin', values['tie-margin'] ?? '0', { min: 0 });
    const clearMargin =
      values['clear-margin'] === undefined ? Infinity : number('clear-margin', values['clear-margin'], { min: margin });
    if (pairs.length === 0)
      throw new WinnowError('NotFound', `${folder} holds no pairs yet.`, 'Make some: winnow pairs MODEL --out DIR.');
    const madeHere = pairs.flatMap(({ images }) => images).find((image): image is ImageRecord => !isForeign(image));
    if (values.model === undefined && !madeHere)
      throw badArguments(
        `The pictures of ${folder} are from elsewhere, and no model was given.`,
        'Say by --model whose judges are meant, and whose words.',
      );
    const { base } = values.model === undefined ? madeHere!.model : parseModelRef(values.model);
    const unread: string[] = [];
    await withEngine(terminal, { base, root: absolute(folder!) }, async (engine) => {
      const name = judgePath(asked);
      const judge = await judgeCalled(engine, name);
      const by = scaleOf(judge, wanted);
      const signed = signature(judge, by);
      const judged = labelsOf(foldLabels(before), signed).byPair;
      const open = pairs.map((pair, index) => ({ pair, index })).filter(({ pair }) => !judged.has(pair.id));
      await sayJudgeCuts(
        engine,
        terminal,
        name,
        open.map(({ pair }) => pair.prompt),
      );
      const pace = new Pace();
      const lost: LostPicture[] = [];
      let stop = false;
      terminal.onInterrupt(() => (stop = true));
      for (let start = 0; start < open.length; start += BATCH) {
        if (stop)
          throw new WinnowError(
            'Cancelled',
            `Labelling was stopped after ${start} of ${open.length} pairs.`,
            'The same command goes on.',
          );
        const batch = open.slice(start, start + BATCH);
        const begin = performance.now();
        const found = await engine.scoreReadable(
          name,
          batch.flatMap(({ pair }) => pair.images.map((image) => ({ file: image.file, prompt: pair.prompt }))),
        );
        const elapsedMs = (performance.now() - begin) / batch.length;
        lost.push(...found.lost);
        const labels = batch.flatMap(({ pair, index }, i) => {
          const [first, second] = [found.scores[2 * i], found.scores[2 * i + 1]];
          if (first && second)
            return judgeLabel(pair.id, index, [first[by]!, second[by]!], { signed, margin, clearMargin, elapsedMs });
          unread.push(pair.id);
          return [];
        });
        appendRecords(file, labels, say);
        const done = start + batch.length;
        terminal.status(`pair ${done}/${open.length}${pace.left(done, open.length)}`, done === open.length);
      }
      const what = `${unread.length} of ${pairs.length} pairs (${unread.slice(0, MAX_NAMED).join(', ')}${unread.length > MAX_NAMED ? ' and more' : ''})`;
      if (unread.length === pairs.length)
        throw new WinnowError(
          'NotFound',
          `${what} have pictures that cannot be read: nothing was labelled. ${lost[0]!.message}`,
          'Bring the pictures back, and give the same command again.',
        );
      if (unread.length > 0) say(lostInWords(`${what} ${unread.length === 1 ? 'is' : 'are'}`, lost));
    });
    const { json, text } = outcome(file, before.length, pairs);
    return { json: { ...json, unread }, text };
  },
});

async function mergeLabels(
  from: string,
  file: string,
  before: readonly LabelEvent[],
  pairs: readonly PairRecord[],
  say: (text: string) => void,
): Promise<Outcome> {
  const { events, notes } = await importAs(await pathSource(labelsFile(from)), 'labels');
  for (const note of notes) say(note);
  const known = new Set(before.map(({ id }) => id));
  const ids = new Set(pairs.map(({ id }) => id));
  const ofOthers = events.filter((event) => event.type === 'label' && !ids.has(event.pair)).length;
  if (events.length > 0 && ofOthers === events.filter(({ type }) => type === 'label').length)
    throw badArguments(
      `None of the labels of ${from} is about these pairs.`,
      'Give the folder of the pairs that were judged.',
    );
  const added = distinctBy(events, ({ id }) => id).filter(
    (event) => !known.has(event.id) && (event.type === 'retract' || ids.has(event.pair)),
  );
  appendRecords(file, added, say);
  return outcome(file, before.length, pairs, ofOthers);
}

function outcome(file: string, before: number, pairs: readonly PairRecord[], ofOthers = 0) {
  const { events, byPair } = readLabels(file);
  const added = events.length - before;
  const counts = countLabels(byPair);
  const text = [
    `${added} label events added to ${file}`,
    `${counts.labels} of ${pairs.length} pairs are judged: ${counts.usable} with a preference, ${counts.tie} ties, ${counts.bothBad} both bad, ${counts.skip} skipped`,
    ...(ofOthers > 0 ? [`${ofOthers} labels are about other pairs and were left out`] : []),
  ].join('\n');
  return { json: { file, added, pairs: pairs.length, ...counts, ofOthers }, text };
}

/** `--by a:alignment`, and `--judge a:alignment`, are `--judge a --by alignment`; undefined for what is said in two options, or is a file of labels. */
function whoOf(judge: string | undefined, by: string | undefined): Asked | undefined {
  if (judge === undefined) return by === undefined ? undefined : askedJudge(by);
  if (by !== undefined || judge.trim() === '') return undefined;
  const named = judge.replace(/:[a-z][\w-]*$/i, '');
  return isLabelFile(judge) && isLabelFile(named) ? undefined : askedJudge(judge, 'judge');
}
