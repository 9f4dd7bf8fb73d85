/** How far two folders of `winnow generate` are apart, picture by picture of the same prompt and seed: in steps of 255 of a colour.
 *  `node bench/run.mjs pictures A B`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readImages } from '../src/cli/records.ts';
import { decodePicture } from '../src/data/formats/picture.ts';

export async function main([a, b]: string[]): Promise<void> {
  if (a === undefined || b === undefined) throw new Error('two folders are needed');
  const say = (text: string): void => console.log(text);
  const others = readImages(b, say);
  let [sum, count, largest] = [0, 0, 0];
  for (const { prompt, seed, file } of readImages(a, say)) {
    const other = others.find((one) => one.prompt === prompt && one.seed === seed);
    if (!other) continue;
    const [mine, theirs] = await Promise.all(
      [join(a, file), join(b, other.file)].map(async (path) => (await decodePicture(readFileSync(path))).data),
    );
    let [own, most] = [0, 0];
    // RGBA: colours alone.
    const colours = mine!.length * 0.75;
    mine!.forEach((x, i) => {
      if (i % 4 === 3) return;
      const off = Math.abs(x - theirs![i]!);
      own += off;
      most = Math.max(most, off);
    });
    say(`${prompt}, ${seed}: mean ${(own / colours).toFixed(3)}, largest ${most}`);
    sum += own;
    count += colours;
    largest = Math.max(largest, most);
  }
  say(`all: mean ${(sum / count).toFixed(3)}, largest ${largest}`);
}
