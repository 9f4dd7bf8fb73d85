import { join } from 'node:path';
import { embeddedModels } from '../../data/embeddedModels.ts';
import { formatJsonl } from '../../data/formats/jsonl.ts';
import {
  askOrder,
  type Candidate,
  CANDIDATES,
  candidatesFor,
  RANDOM_SHARE,
  randomOrder,
  secondCheckpoint,
} from '../../evaluation/activeChoice.ts';
import { choiceRules } from '../../evaluation/choiceRules.ts';
import { bestCheckpoint } from '../../evaluation/looks.ts';
import type { AdapterRef, ModelRef, PairRecord, RunRecord } from '../../service/types.ts';
import { nameOf } from '../../shared/paths.ts';
import { RandomStream } from '../../shared/rng.ts';
import { limits } from '../../shared/limits.ts';
import { count, doNothing, number, oneOf, prompts, promptsHelp, required } from '../arguments.ts';
import { drawnPairs } from '../drawnPairs.ts';
import { productRoot, withEngine } from '../engine.ts';
import { outFolder } from '../fileErrors.ts';
import { NodeFileStore } from '../files.ts';
import { askedOf, generationOptions, identified, sayCuts, saySampler, settingsOf } from '../generation.ts';
import { implicitOfPairs } from '../implicit.ts';
import { parseModelRef, readRunRecord } from '../modelRef.ts';
import { claimFolder, pairsFile, readPairsSoFar } from '../records.ts';
import { badArguments, defineVerb } from '../verb.ts';

/** What the candidates are kept in until it is known which of them are asked. */
const CANDIDATES_FILE = 'candidates.jsonl';

const share = `${Math.round(100 * RANDOM_SHARE)} %`;

export const round = defineVerb({
  name: 'round',
  summary: "draw a run's next pairs to be judged: those that it doubts first, or all at random",
  positionals: ['RUN'],
  options: {
    ask: { kind: 'text', value: 'N', help: 'pairs to be judged', default: '20' },
    by: {
      kind: 'text',
      value: 'RULE',
      help: `which of the candidates are asked about: those of most doubt, or of most disagreement between two checkpoints, or as many as are asked, all at random (${choiceRules.join(', ')})`,
      default: 'doubt',
    },
    other: {
      kind: 'text',
      value: 'RUN[@STEP]',
      help: "the second checkpoint of --by disagreement, of this run or another of the same model (default: this run's last, or where that draws the one before)",
    },
    prompt: { kind: 'list', value: 'TEXT', help: 'prompt' },
    prompts: {
      kind: 'text',
      value: 'FILE',
      help: `${promptsHelp}; drawn from at random (default: those that came with the model, or that the run trained on)`,
    },
    seed: {
      kind: 'text',
      value: 'N',
      help: 'prompts, images and what is random are drawn from this one',
      default: '0',
    },
    ...generationOptions,
    out: {
      kind: 'text',
      value: 'DIR',
      help: 'pairs folder of the round; the same command goes on where it was stopped',
    },
  },
  notes: [
    `RUN is a run's folder; its best checkpoint draws, unless a step is given (RUN@STEP). ${CANDIDATES} candidates are drawn for each pair to be judged, and rated by the`,
    `run's implicit reward over the model that it started from. At least ${share} of the pairs are drawn at random: a later run holds out only these, so that no figure`,
    `is made of doubts. DIR/pairs.jsonl holds the pairs to judge, in order; all candidates are in DIR/${CANDIDATES_FILE}.`,
    'With --by random as many are drawn as are judged, and none is rated. Measured on the embedded model, 100 labels of chosen pairs gained 0.03 [-0.73, 0.78] deviations',
    'more than 100 at random: not told from nothing (docs/paper.md, choosing).',
    'Then: winnow label DIR ..., and winnow train RUN@best DIR --out NEXT, which is held against the model that it starts from.',
  ],
  example: 'my-run --ask 40 --out round-2',
  async run([text], values, terminal) {
    const say = (line: string): void => terminal.note(line);
    const rule = oneOf('by', values.by, choiceRules);
    if (rule !== 'disagreement') doNothing(values, ['other'], `with --by ${rule}`);
    const ask = count('ask', values.ask, { max: Math.floor(limits.count / candidatesFor(rule, 1)) });
    const seed = number('seed', values.seed, { min: 0, max: limits.seed, whole: true });
    const { ref, record } = checkpointOf(text!, values['prediction-type']);
    const other = rule === 'disagreement' ? otherOf(ref, record, values.other) : undefined;
    const asked = askedOf(values);
    const given = values.prompts !== undefined || values.prompt.length > 0 ? await prompts(values) : undefined;
    const list = given ?? (await ownPrompts(record));
    const out = outFolder(required('out', values.out));
    return withEngine(terminal, { base: ref.base, root: out, matrices: values.matrices }, async (engine) => {
      const [info] = await engine.models();
      saySampler(terminal, info!, values.scheduler);
      const all = candidatesFor(rule, ask);
      const drawn = drawnFrom(list, all, seed);
      await sayCuts(engine, terminal, ref, [...drawn, values.negative ?? '']);
      const request = {
        ...(await identified(settingsOf(asked, ref, info!))),
        prompts: drawn,
        seed,
      };
      claimFolder(
        out,
        {
          ...request,
          round: { ask, by: rule, ...(other && { other }) },
          modelHash: await engine.modelHash(ref),
          ...(other && { otherHash: await engine.modelHash(other) }),
        },
        [pairsFile(out), join(out, CANDIDATES_FILE)],
      );
      const outcome = (pairs: readonly PairRecord[], candidates: readonly object[] | null) => ({
        json: { out, by: rule, model: ref, ...(other && { other }), pairs, candidates },
        text: `${pairs.length} pairs to judge in ${values.out}, ${pairs.filter((pair) => pair.asked?.why === 'random').length} of them drawn at random`,
      });
      // They are written last, all at once.
      const before = readPairsSoFar(out, say);
      if (before.length > 0) {
        terminal.note('This round is there already.');
        return outcome(before, null);
      }
      const made = await drawnPairs(engine, terminal, join(out, CANDIDATES_FILE), { ...request, count: all });
      const marginsOf = async (model: ModelRef): Promise<Map<string, number>> => {
        const rated = await implicitOfPairs(
          engine,
          terminal,
          { text: titleOf(model), ref: model },
          { folder: out, pairs: made },
        );
        return new Map(rated.map(({ pair, margin }) => [pair, margin]));
      };
      const rated = async (): Promise<Candidate[]> => {
        const margins = await marginsOf(ref);
        const others = other && (await marginsOf(other));
        return made.flatMap(({ id }) => {
          const margin = margins.get(id);
          return margin === undefined ? [] : [{ pair: id, margin, ...(others && { other: others.get(id)! }) }];
        });
      };
      const candidates = rule === 'random' ? null : await rated();
      const ids = made.map(({ id }) => id);
      const order = candidates ? askOrder(candidates, { ask, seed }) : randomOrder(ids, seed);
      const at = new Date().toISOString();
      const byId = new Map(made.map((pair) => [pair.id, pair]));
      const pairs = order.slice(0, ask).map(({ pair, why }, place): PairRecord => ({
        ...byId.get(pair)!,
        asked: { round: nameOf(record.id), at, order: place, why },
      }));
      await new NodeFileStore(out).write('pairs.jsonl', new TextEncoder().encode(formatJsonl(pairs)));
      const why = new Map(order.map((one) => [one.pair, one.why]));
      return outcome(
        pairs,
        (candidates ?? ids.map((pair) => ({ pair }))).map((one) => ({ ...one, why: why.get(one.pair) })),
      );
    });
  },
});

type RunAdapter = Extract<AdapterRef, { kind: 'run' }>;

/** A run at the checkpoint that is meant: its best where no step is given. */
function checkpointOf(
  text: string,
  predictionType?: string,
): { ref: ModelRef; record: RunRecord; adapter: RunAdapter } {
  const ref = parseModelRef(text, predictionType);
  const last = ref.adapters.at(-1);
  if (last?.kind !== 'run')
    throw badArguments(`${text} names no run.`, 'Give the folder of a run: what it trained draws, and doubts.');
  const record = readRunRecord(last.run);
  const step = last.step ?? bestCheckpoint(record)?.step;
  if (step === undefined) throw badArguments(`${text} has saved nothing yet.`, 'Let it train to its first save.');
  const adapter = { ...last, step };
  return { ref: { ...ref, adapters: [...ref.adapters.slice(0, -1), adapter] }, record, adapter };
}

function otherOf(ref: ModelRef, record: RunRecord, text: string | undefined): ModelRef {
  const last = ref.adapters.at(-1) as RunAdapter;
  if (text !== undefined) {
    const { ref: other, adapter } = checkpointOf(text);
    if (other.base !== ref.base)
      throw badArguments(`${text} is of another model than ${last.run}.`, 'Give a run of the same model.');
    if (adapter.run === last.run && adapter.step === last.step)
      throw badArguments(
        `--other is the checkpoint that draws, step ${last.step}.`,
        'Give another step, or another run.',
      );
    return other;
  }
  const second = secondCheckpoint(record, last.step);
  if (!second)
    throw badArguments(
      `${last.run} has one checkpoint, which agrees with itself.`,
      'Give another run by --other, or ask by doubt.',
    );
  return { ...ref, adapters: [...ref.adapters.slice(0, -1), { ...last, step: second.step }] };
}

const titleOf = ({ adapters }: ModelRef): string => {
  const { run, step } = adapters.at(-1) as RunAdapter;
  return `${nameOf(run)}@${step}`;
};

async function ownPrompts({ model, pairs }: RunRecord): Promise<string[]> {
  return embeddedModels.includes(model.base)
    ? prompts({ prompts: join(productRoot, 'public', 'prompts', 'train.txt') })
    : [...new Set(pairs.map(({ prompt }) => prompt))];
}

/** Each once while they last. */
function drawnFrom(list: readonly string[], wanted: number, seed: number): string[] {
  const drawn: string[] = [];
  for (let step = 0; drawn.length < wanted; step++)
    drawn.push(
      ...new RandomStream({ seed, purpose: 'promptChoice', step }).shuffled(list).slice(0, wanted - drawn.length),
    );
  return drawn;
}
