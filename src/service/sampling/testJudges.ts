/** Judges of the golden cases (tools/judges) as people have them: folders, pictures, and a runner that says what runs. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { byteRanges } from '../../data/formats/bytes.ts';
import { openSafetensors, type SafetensorsFile } from '../../data/formats/safetensors.ts';
import { cpuExecutor } from '../../oracle/run.ts';
import { judgeDtypes } from '../model/weightWidth.ts';
import { engineRunner } from './partRunner.ts';
import '../../shared/disposable.ts';
import { WinnowError } from '../../shared/errors.ts';
import type { Judged, JudgeFolder, JudgeRunner, PictureMemory, Score } from '../../judges/judge.ts';
import { readJudge } from '../../judges/table.ts';

const cases = join(import.meta.dirname, '../../../tools/judges/cases');
export type Files = Record<string, Uint8Array | string | object>;

/** A case's folder as a person would have it. */
export function filesOf(name: string, weights = 'model.safetensors'): Files {
  const read = (file: string): Uint8Array | undefined => {
    try {
      return readFileSync(join(cases, name, file));
    } catch {
      return undefined;
    }
  };
  const files = {
    'config.json': read('config.json'),
    [weights]: read('weights.safetensors'),
    'mlp.safetensors': read('head.safetensors'),
    'med_config.json': read('med_config.json'),
    'vocab.txt': read('vocab.txt'),
    'preprocessor_config.json': read('preprocessor_config.json'),
    ...Object.fromEntries(
      ['tokenizer.json', 'vocab.json', 'merges.txt', 'tokenizer_config.json', 'special_tokens_map.json'].map((file) => [
        file,
        read(`tokenizer/${file}`),
      ]),
    ),
  };
  return Object.fromEntries(Object.entries(files).filter(([, bytes]) => bytes)) as Files;
}

export const jsonOf = (files: Files, name: string): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(files[name] as Uint8Array)) as Record<string, unknown>;

export function folder(files: Files, path = '/judges/mine/'): JudgeFolder {
  const read = async (name: string): Promise<Uint8Array<ArrayBuffer>> => {
    const file = files[name];
    if (file === undefined) throw new WinnowError('NotFound', `There is no file ${name}.`, 'Check the path.');
    if (file instanceof Uint8Array) return new Uint8Array(file);
    return new TextEncoder().encode(typeof file === 'string' ? file : JSON.stringify(file));
  };
  return {
    path,
    read,
    open: async (name) => byteRanges(await read(name)),
    sha256: async (name) =>
      createHash('sha256')
        .update(await read(name))
        .digest('hex'),
    list: async () => Object.keys(files),
  };
}
export const judgeOf = (files: Files, path?: string): ReturnType<typeof readJudge> =>
  readJudge(folder(files, path), { name: 'mine', from: 'folder' });

/** Says what runs: `make` and `run` of each tower, and when one is let go.
 *  @param pictures what is known of them. */
export function recording(said: string[], pictures?: PictureMemory): JudgeRunner {
  const runner = engineRunner(cpuExecutor());
  return {
    pictures,
    dtypes: judgeDtypes,
    file() {
      throw new Error('no judge of this kind is a file');
    },
    plan(graph, weights) {
      const { bytes, onDevice, make } = runner.plan(graph, weights);
      const tower = graph.outputs.has('image_embeds') || graph.outputs.has('image_tokens') ? 'vision' : 'text';
      return {
        bytes,
        onDevice,
        async make() {
          said.push(`make ${tower}`);
          const running = await make();
          return {
            async run(feeds) {
              said.push(tower);
              return running.run(feeds);
            },
            async [Symbol.asyncDispose]() {
              said.push(`free ${tower}`);
              await running[Symbol.asyncDispose]();
            },
          };
        },
      };
    },
  };
}

export const tensorsOf = (name: string, file: string): Promise<SafetensorsFile> =>
  openSafetensors(readFileSync(join(cases, name, file)));

/** The case's pictures, with its prompts. */
export async function itemsOf(name: string): Promise<Judged[]> {
  const inputs = await tensorsOf(name, 'inputs.safetensors');
  const { prompts = [] } = JSON.parse(readFileSync(join(cases, name, 'case.json'), 'utf8')) as { prompts?: string[] };
  return Promise.all(
    [0, 1, 2].map(async (i): Promise<Judged> => {
      const [height, width] = inputs.shape(`image.${i}`) as [number, number, number];
      const rgb = await inputs.read(`image.${i}`);
      const data = new Uint8Array(4 * width * height).fill(255);
      for (let k = 0; k < rgb.length; k++) data[4 * Math.floor(k / 3) + (k % 3)] = rgb[k]!;
      return {
        key: async () => `${name} ${i}`,
        picture: async () => ({ width, height, data }),
        prompt: prompts[i] ?? '',
        pooled: () => Promise.reject(new Error('the model’s encoder was asked')),
      };
    }),
  );
}

export async function scored(scores: AsyncIterable<Score>): Promise<number[]> {
  const out: number[] = [];
  for await (const score of scores) out.push(Object.values(score)[0]!);
  return out;
}
