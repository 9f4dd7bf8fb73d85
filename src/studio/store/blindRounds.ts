/** The pictures of a blind test, drawn as its plan says: read once a test is at work. */
import type { BlindRound, BlindTestRecord, PlannedRound } from '../../data/blindTests.ts';
import { betweenOf } from '../../records/blindTests.ts';
import type { GenerationSettings, ImageRecord } from '../../service/types.ts';
import type { BlindTest } from './blindSlice.ts';

interface Drawing {
  draw(request: GenerationSettings & { items: { prompt: string; seed: number }[] }): Promise<ImageRecord[]>;
  /** Decodes a picture; rejects where it is gone. */
  load(file: string): Promise<unknown>;
}

/** Rounds with their pictures: of one model after the other, which is the expensive change.
 *  @param settings of every model, by its place in the test. */
export async function drawnRounds(
  { draw }: Drawing,
  planned: readonly PlannedRound[],
  settings: readonly GenerationSettings[],
): Promise<BlindRound[]> {
  const made = planned.map(() => new Map<number, ImageRecord>());
  for (const [place, how] of settings.entries()) {
    const mine = planned.flatMap((round, at) => (betweenOf(round).includes(place) ? at : []));
    if (mine.length === 0) continue;
    const items = mine.map((at) => ({ prompt: planned[at]!.prompt, seed: planned[at]!.seed }));
    const images = await draw({ ...how, items });
    mine.forEach((at, i) => made[at]!.set(place, images[i]!));
  }
  return planned.map((round, at) => {
    const [a, b] = betweenOf(round);
    return { ...round, images: { a: made[at]!.get(a)!, b: made[at]!.get(b)! }, answers: [] };
  });
}

/** Resolves when all are decoded, or cannot be: of those the screen says so. */
export async function loadRounds({ load }: Drawing, rounds: readonly BlindRound[]): Promise<void> {
  await Promise.allSettled(rounds.flatMap(({ images }) => [load(images.a.file), load(images.b.file)]));
}

/** Of a round, pictures with those that are missing drawn again; null where a model draws otherwise by now: what was answered was about it as it was. */
async function drawnAgain(
  { draw, load }: Drawing,
  round: BlindRound,
  settings: readonly GenerationSettings[],
): Promise<BlindRound['images'] | null> {
  const { prompt, seed, images } = round;
  const [a, b] = betweenOf(round);
  const found = { ...images };
  for (const [side, place] of [
    ['a', a],
    ['b', b],
  ] as const) {
    const isThere = await load(images[side].file).then(
      () => true,
      () => false,
    );
    if (isThere) continue;
    const [drawn] = await draw({ ...settings[place]!, items: [{ prompt, seed }] });
    if (drawn!.modelHash !== images[side].modelHash) return null;
    found[side] = drawn!;
  }
  return found;
}

interface Redrawing extends Drawing {
  /** The test as it is when its turn has come, answers being written one after the other; nothing where it was left. */
  inTurn(work: (record: BlindTestRecord) => Promise<void>): Promise<void>;
  keep(record: BlindTestRecord): Promise<void>;
  change(next: (blind: BlindTest) => Partial<BlindTest>): void;
}

/** Draws what is missing of the round on screen, on disk and in what is to be judged. */
export async function redraw(tools: Redrawing, { record, ready, index }: BlindTest): Promise<void> {
  const { inTurn, keep, change } = tools;
  const round = ready[index]!;
  const images = await drawnAgain(tools, round, record.plan!.settings);
  if (!images) return change(() => ({ otherAt: index }));
  const isIt = ({ prompt, seed }: BlindRound): boolean => prompt === round.prompt && seed === round.seed;
  const drawn = (one: BlindRound): BlindRound => (isIt(one) ? { ...one, images } : one);
  await inTurn(async (now) => {
    const rounds = now.rounds.map(drawn);
    if (rounds.some(isIt)) await keep({ ...now, rounds });
    change((blind) => ({
      ready: blind.ready.map(drawn),
      record: { ...blind.record, rounds },
      since: performance.now(),
    }));
  });
}
