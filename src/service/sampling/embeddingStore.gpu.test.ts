/** The engine keeps what judges saw of pictures: in the store that outlives it, until the judge is deleted. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { openNodeGpu } from '../../cli/device.ts';
import { folderReader } from '../../cli/files.ts';
import { encodePng } from '../../data/formats/png.ts';
import { openSafetensors, writeSafetensors } from '../../data/formats/safetensors.ts';
import { Engine } from '../engineService.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { testEnvironment } from '../testEnvironment.ts';
import { itemsOf } from './testJudges.ts';

let gpu: GPU;
beforeAll(async () => void ({ gpu } = await openNodeGpu()));

const newEngine = (files: MemoryFileStore): Engine =>
  new Engine(
    testEnvironment({
      gpu,
      files,
      embeddedModels: ['postcard'],
      openModel: () => folderReader('public/models/postcard', { source: 'embedded' }),
    }),
  );

it('keeps what it saw of pictures for the next session, until it goes', { timeout: 240_000 }, async () => {
  const name = 'judge-image-reward';
  const folder = join('tools/judges/cases', name);
  const files = new MemoryFileStore();
  const items = await Promise.all(
    (await itemsOf(name)).map(async ({ picture, prompt }, i) => {
      const { width, height, data } = await picture();
      const file = `images/${i}.png`;
      await files.write(file, encodePng({ width, height, data: new Uint8Array(data) }));
      return { file, prompt };
    }),
  );
  const first = newEngine(files);
  const own = ['med_config.json', 'vocab.txt', 'weights.safetensors'].map((path) => ({
    path: `mine/${path.replace('weights', 'model')}`,
    file: new Blob([readFileSync(join(folder, path))]),
  }));
  const id = await first.importJudge('job', { name: 'mine', files: own }, () => {});
  const judge = `judges/${id}`;
  const scores = await first.score(judge, items);
  // One so small is computed in f32, whatever is asked for, and what it saw is one judge's.
  const { features } = await first.start();
  if (features.includes('shader-f16')) {
    expect(await first.judgeArithmetic(judge, 'f16')).toBe('f32');
    expect(await first.score(judge, items, 'f16')).toEqual(scores);
  } else {
    await expect(first.judgeArithmetic(judge, 'f16')).rejects.toMatchObject({ name: 'BadArguments' });
    await expect(first.score(judge, items, 'f16')).rejects.toMatchObject({ name: 'BadArguments' });
  }
  await first.dispose();
  const kept = await files.list('settings/embeddings');
  expect(kept).toHaveLength(1);

  // Where the second picture's tokens lie under the first one's key, the first is scored as the second: it is not seen again.
  const saved = await openSafetensors(await files.read(kept[0]!));
  const keys = await Promise.all(
    items.map(async ({ file }) =>
      createHash('sha256')
        .update(await files.read(file))
        .digest('hex'),
    ),
  );
  expect(saved.names.toSorted()).toEqual(keys.toSorted());
  const tokens = await Promise.all([1, 0, 2].map((i) => saved.read(keys[i]!)));
  await files.write(
    kept[0]!,
    writeSafetensors(Object.fromEntries(tokens.map((data, i) => [keys[i]!, { shape: [data.length], data }]))),
  );
  const second = newEngine(files);
  const [a, b, c] = items as [(typeof items)[0], (typeof items)[0], (typeof items)[0]];
  const swapped = await second.score(judge, [{ ...b, prompt: a.prompt }, { ...a, prompt: b.prompt }, c]);
  expect(swapped).toEqual(scores);

  // Another copy of it has seen them, too.
  const copy = await second.importJudge('job', { name: 'copy', files: own }, () => {});
  await second.deleteJudge(id);
  expect(await files.list('settings/embeddings')).toEqual(kept);
  await second.deleteJudge(copy);
  expect(await files.list('settings/embeddings')).toEqual([]);
  await second.dispose();
});
