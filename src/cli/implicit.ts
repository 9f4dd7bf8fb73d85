/** The implicit reward of pairs, as every verb that asks for it does: with progress, and ended by Ctrl-C. */
import { join } from 'node:path';
import { isForeign, latentsFileOf } from '../records/foreignImages.ts';
import type { Engine } from '../service/engineService.ts';
import type { ImplicitMargin, ModelRef, PairImage, PairRecord } from '../service/types.ts';
import { absolute } from './arguments.ts';
import { lostInWords } from './scoring.ts';
import { Pace, type Terminal } from './terminal.ts';

/** Of the first picture over the second, by what the model's last adapter made of it; without pairs of which a picture cannot be read, which is said.
 *  @param text the model, as people know it.
 *  @param folder of the pairs. */
export async function implicitOfPairs(
  engine: Engine,
  terminal: Terminal,
  { text, ref }: { text: string; ref: ModelRef },
  { folder, pairs }: { folder: string; pairs: readonly PairRecord[] },
): Promise<ImplicitMargin[]> {
  const latents = (image: PairImage): string => absolute(join(folder, latentsFileOf(image)));
  const job = `implicit ${text}`;
  terminal.onInterrupt(() => void engine.cancel(job));
  const pace = new Pace();
  const { pairs: rated, lost } = await engine.implicit(
    job,
    {
      model: ref,
      pairs: pairs.map(({ id, prompt, images, sizing }) => ({
        pair: id,
        prompt,
        winnerLatents: latents(images[0]),
        loserLatents: latents(images[1]),
        ...(sizing && images.some(isForeign) && { sizing }),
      })),
    },
    (event) => {
      if (event.type === 'recovered') terminal.note(event.message);
      if (event.type === 'progress')
        terminal.status(
          `${text}: draw ${event.done}/${event.total}${pace.left(event.done, event.total)}`,
          event.done === event.total,
        );
    },
  );
  const without = pairs.length - rated.length;
  if (without > 0)
    terminal.note(
      `${text}: ${lostInWords(`${without} of ${pairs.length} pairs ${without === 1 ? 'is' : 'are'}`, lost)}`,
    );
  return rated;
}
