/** The pictures of a blind test, drawn as its plan says: read once a test is at work. */
import { t } from '@lingui/core/macro';
import type { BlindRound, PlannedRound } from '../../data/blindTests.ts';
import { betweenOf } from '../../records/blindTests.ts';
import type { GenerationSettings, ImageRecord } from '../../service/types.ts';
import { WinnowError } from '../../shared/errors.ts';
import { areEnlarged, loadPicture } from './pictures.ts';
import type { Studio } from './useStudio.ts';

type Drawing = Pick<Studio, 'runImages' | 'preferences'>;

const draw = (
  { runImages }: Drawing,
  how: GenerationSettings,
  items: readonly Pick<PlannedRound, 'prompt' | 'seed'>[],
): Promise<ImageRecord[]> =>
  runImages('blind', t`Blind test`, { ...how, items: items.map(({ prompt, seed }) => ({ prompt, seed })) });

/** Rounds with their pictures: of one model after the other, which is the expensive change.
 *  @param settings of every model, by its place in the test. */
export async function drawnRounds(
  studio: Drawing,
  planned: readonly PlannedRound[],
  settings: readonly GenerationSettings[],
): Promise<BlindRound[]> {
  const made = planned.map(() => new Map<number, ImageRecord>());
  for (const [place, how] of settings.entries()) {
    const mine = planned.flatMap((round, at) => (betweenOf(round).includes(place) ? at : []));
    if (mine.length === 0) continue;
    const images = await draw(
      studio,
      how,
      mine.map((at) => planned[at]!),
    );
    mine.forEach((at, i) => made[at]!.set(place, images[i]!));
  }
  return planned.map((round, at) => {
    const [a, b] = betweenOf(round);
    return { ...round, images: { a: made[at]!.get(a)!, b: made[at]!.get(b)! }, answers: [] };
  });
}

/** Resolves when all are decoded, or cannot be: of those the screen says so. */
export async function loadRounds(studio: Drawing, rounds: readonly BlindRound[]): Promise<void> {
  const enlarged = areEnlarged(studio);
  await Promise.allSettled(
    rounds.flatMap(({ images }) => [images.a, images.b].map(({ file }) => loadPicture(file, enlarged))),
  );
}

/** A round whose pictures were deleted, with those that are missing drawn again.
 *  @throws NotFound where a model is gone, BadArguments where it is another one by now, as drawing does. */
export async function drawnAgain(
  studio: Drawing,
  round: BlindRound,
  settings: readonly GenerationSettings[],
): Promise<BlindRound['images']> {
  const again = async (image: ImageRecord, place: number): Promise<ImageRecord> => {
    const isThere = await loadPicture(image.file, areEnlarged(studio)).then(
      () => true,
      () => false,
    );
    if (isThere) return image;
    const [drawn] = await draw(studio, settings[place]!, [round]);
    // What was answered of the picture was about the model as it was.
    if (drawn!.modelHash !== image.modelHash)
      throw new WinnowError(
        'BadArguments',
        t`The model that drew this picture is another one by now.`,
        t`Go on without this comparison.`,
      );
    return drawn!;
  };
  const [a, b] = betweenOf(round);
  return { a: await again(round.images.a, a), b: await again(round.images.b, b) };
}
