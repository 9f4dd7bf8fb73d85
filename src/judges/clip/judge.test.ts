/** Judges that are a CLIP, from the folders in which people have them. Numbers are those of the cases that transformers and torch wrote
 *  (tools/judges); that a case's every number is met, service/verify/judges.test.ts shows. */
import { describe, expect, it } from 'vitest';
import { openSafetensors, writeSafetensors } from '../../data/formats/safetensors.ts';
import { readJudge } from '../table.ts';
import {
  type Files,
  filesOf,
  folder,
  itemsOf,
  jsonOf,
  judgeOf,
  recording,
  scored,
  tensorsOf,
} from '../../service/sampling/testJudges.ts';

/** A case's folder with its weights in two files, each in its own width, as save_pretrained writes large ones. */
async function sharded(name: string): Promise<Files> {
  const { 'model.safetensors': _, ...files } = filesOf(name);
  const weights = await tensorsOf(name, 'weights.safetensors');
  const map: Record<string, string> = {};
  const shards: Files = {};
  for (const part of [0, 1]) {
    const file = `model-0000${part + 1}-of-00002.safetensors`;
    const own = weights.names.filter((_name, i) => i % 2 === part);
    const read = async (key: string): Promise<[string, { shape: readonly number[]; data: Float32Array }]> => {
      map[key] = file;
      return [key, { shape: weights.shape(key)!, data: await weights.read(key) }];
    };
    shards[file] = writeSafetensors(Object.fromEntries(await Promise.all(own.map(read))));
  }
  return { ...files, ...shards, 'model.safetensors.index.json': { metadata: { total_size: 1 }, weight_map: map } };
}

async function renamed(file: Uint8Array, name: (key: string) => string): Promise<Uint8Array> {
  const weights = await openSafetensors(file);
  const tensor = async (key: string) =>
    [name(key), { shape: weights.shape(key)!, data: await weights.read(key) }] as const;
  return writeSafetensors(Object.fromEntries(await Promise.all(weights.names.map(tensor))));
}

describe('scores what torch does', () => {
  it.each([
    ['judge-clip', 'clip', 'model.safetensors', '/judges/mine/'],
    ['judge-clip-big-g', 'clip', 'open_clip_model.safetensors', '/judges/mine/'],
    ['judge-pickscore', 'pickscore', 'model.safetensors', '/judges/yuvalkirstain--PickScore_v1/'],
    ['judge-hps', 'hps', 'HPS_v2.1_compressed.safetensors', '/judges/mine/'],
    ['judge-aesthetic-v1', 'aesthetic', 'model.safetensors', '/judges/mine/'],
    ['judge-aesthetic-v2', 'aesthetic', 'model.safetensors', '/judges/mine/'],
    ['judge-aesthetic-v2-relu', 'aesthetic', 'model.safetensors', '/judges/mine/'],
  ])('%s, as the kind %s, in %s', async (name, kind, weights, path) => {
    const judge = await judgeOf(filesOf(name, weights), path);
    expect(judge).toMatchObject({ kind, imageSize: null });
    await using scorer = await (await judge.plan(recording([]))).make();
    const scores = await scored(scorer.score(await itemsOf(name)));
    const expected = await (await tensorsOf(name, 'expected.safetensors')).read('score');
    scores.forEach((score, i) => expect(Math.abs(score - expected[i]!) / Math.abs(expected[i]!)).toBeLessThan(1e-5));
  });
  it('with its weights in several files and an index', async () => {
    const name = 'judge-pickscore';
    const judge = await judgeOf(await sharded(name), '/judges/PickScore/');
    await using scorer = await (await judge.plan(recording([]))).make();
    const scores = await scored(scorer.score(await itemsOf(name)));
    const expected = await (await tensorsOf(name, 'expected.safetensors')).read('score');
    scores.forEach((score, i) => expect(Math.abs(score - expected[i]!) / Math.abs(expected[i]!)).toBeLessThan(1e-5));
  });
  // As training code saves them, and as RE-N-Y publishes HPS v2.1 (`model.`) and LAION's aesthetic (`clip.`, its head beside it).
  it.each([
    ['judge-clip', 'module.'],
    ['judge-clip-big-g', 'model.'],
    ['judge-aesthetic-v2', 'clip.'],
  ])('%s, with %s before its keys', async (name, prefix) => {
    const files = filesOf(name);
    const judge = await judgeOf({
      ...files,
      'model.safetensors': await renamed(files['model.safetensors'] as Uint8Array, (key) => prefix + key),
    });
    await using scorer = await (await judge.plan(recording([]))).make();
    const scores = await scored(scorer.score(await itemsOf(name)));
    const expected = await (await tensorsOf(name, 'expected.safetensors')).read('score');
    scores.forEach((score, i) => expect(Math.abs(score - expected[i]!) / Math.abs(expected[i]!)).toBeLessThan(1e-5));
  });
  it('and lays pictures where torch does, without another look at them', async () => {
    const name = 'judge-pickscore';
    const judge = await judgeOf(filesOf(name));
    expect(judge.embeds).toBe(true);
    const said: string[] = [];
    await using scorer = await (await judge.plan(recording(said))).make();
    const items = await itemsOf(name);
    await scored(scorer.score(items));
    const before = said.length;
    const expected = await (await tensorsOf(name, 'expected.safetensors')).read('image_embeds');
    const vectors: Float32Array[] = [];
    for await (const vector of scorer.embed!(items)) vectors.push(vector);
    expect(said).toHaveLength(before);
    vectors.forEach((vector, i) => {
      const wanted = expected.subarray(i * vector.length, (i + 1) * vector.length);
      const scale = Math.max(...wanted.map(Math.abs));
      vector.forEach((x, at) => expect(Math.abs(x - wanted[at]!) / scale).toBeLessThan(1e-5));
    });
  });
});

it('reads all prompts, lets the text tower go, and then sees each picture once', async () => {
  const said: string[] = [];
  const judge = await judgeOf(filesOf('judge-pickscore'), '/PickScore/');
  const planned = await judge.plan(recording(said));
  const items = await itemsOf('judge-pickscore');
  {
    await using scorer = await planned.make();
    await scored(scorer.score([...items, ...items]));
    const towers = ['make text', ...items.map(() => 'text'), 'free text', 'make vision', ...items.map(() => 'vision')];
    expect(said.splice(0)).toEqual(towers);
    // Another prompt: of two large towers one is there at a time; the pictures are known.
    await scored(scorer.score([{ ...items[0]!, prompt: 'another' }]));
    expect(said.splice(0)).toEqual(['free vision', 'make text', 'text', 'free text']);
    await scored(scorer.score(items));
    expect(said.splice(0)).toEqual([]);
  }
  expect(planned.onDevice).toBe(true);
});

describe('is known by what lies in its folder and what it is called', () => {
  const clip = filesOf('judge-clip');
  it.each<[string, Files, string, string, string]>([
    ['nothing said', clip, '/judges/x/', 'clip', 'CLIPScore'],
    ['a folder called PickScore', clip, '/judges/PickScore_v1/', 'pickscore', 'PickScore'],
    ['a folder called hpsv21', clip, '/judges/RE-N-Y--hpsv21/', 'hps', 'HPS v2.1'],
    ['a folder called HPSv2-hf', clip, '/judges/HPSv2-hf/', 'hps', 'HPS v2'],
    ['a folder called chips', clip, '/judges/chips/', 'clip', 'CLIPScore'],
    ['judge.json', { ...clip, 'judge.json': { judge: 1, recipe: 'hps' } }, '/judges/x/', 'hps', 'HPS v2'],
    ['a head of one layer', filesOf('judge-aesthetic-v1'), '/judges/x/', 'aesthetic', 'LAION aesthetic v1'],
    ['a head', { ...filesOf('judge-aesthetic-v2') }, '/judges/x/', 'aesthetic', 'LAION aesthetic v2'],
  ])('%s', async (_, files, path, kind, title) => {
    expect(await judgeOf(files, path)).toMatchObject({ kind, title });
  });
});

describe('a judge that cannot be one is refused by name', () => {
  const clip = filesOf('judge-clip');
  const config = jsonOf(clip, 'config.json') as { text_config: object; vision_config: object };
  const wide = { ...config, vision_config: { ...config.vision_config, intermediate_size: 96 } };
  /** The weights without some tensors, or with others. */
  const weights = async (
    change: (name: string, data: Float32Array) => Float32Array | undefined,
    name = 'judge-clip',
  ): Promise<Uint8Array> => {
    const file = await tensorsOf(name, 'weights.safetensors');
    const kept = await Promise.all(
      file.names.map(async (key) => [key, change(key, await file.read(key)), file.shape(key)!] as const),
    );
    return writeSafetensors(
      Object.fromEntries(kept.flatMap(([key, data, shape]) => (data ? [[key, { shape, data }]] : []))),
    );
  };
  const without = (part: string): Promise<Uint8Array> =>
    weights((name, data) => (name.startsWith(part) ? undefined : data));

  it.each<[string, () => Promise<Files>, string, RegExp]>([
    [
      'another width than its config',
      async () => ({ ...clip, 'config.json': wide }),
      'WrongShape',
      /mine\/model\.safetensors: vision_model\.encoder\.layers\.0\.mlp\.fc1\.weight has shape \[80, 128\], the config makes it \[96, 128\]/,
    ],
    [
      'no vision tower',
      async () => ({ ...clip, 'model.safetensors': await without('vision_model') }),
      'MissingTensor',
      /has no vision tower of CLIP/,
    ],
    [
      'no text tower',
      async () => ({ ...clip, 'model.safetensors': await without('text_model') }),
      'MissingTensor',
      /has no text tower, and this judge reads prompts/,
    ],
    [
      'a tokenizer of another model',
      async () => ({ ...filesOf('judge-pickscore'), 'config.json': jsonWithVocabulary() }),
      'BadFile',
      /The tokenizer of \/judges\/mine\/ is another model's/,
    ],
    [
      'no tokenizer for a vocabulary of its own',
      async () => Object.fromEntries(Object.entries(clip).filter(([name]) => !/^(vocab|tokenizer|merges)/.test(name))),
      'NotFound',
      /has no tokenizer/,
    ],
    [
      'an activation that is not computed',
      async () => ({
        ...clip,
        'config.json': { ...config, text_config: { ...config.text_config, hidden_act: 'gelu_new' } },
      }),
      'UnsupportedArchitecture',
      /hidden_act is "gelu_new".*Choose a judge/,
    ],
    [
      'weights without a config, of a width that is not known',
      async () => ({ 'HPS.safetensors': clip['model.safetensors']! }),
      'UnsupportedArchitecture',
      /come without a config.*Put the config\.json/,
    ],
    [
      'a processor of another size',
      async () => ({
        ...clip,
        'preprocessor_config.json': { size: { shortest_edge: 224 }, crop_size: { height: 224, width: 224 } },
      }),
      'BadFile',
      /makes pictures of 224 by 224 pixels, and the vision tower sees 24 by 24/,
    ],
    [
      'a head of another width',
      async () => ({ ...filesOf('judge-aesthetic-v2'), 'mlp.safetensors': head(768) }),
      'WrongShape',
      /should be \[1, 24\].*ViT-L\/14 gives 768/,
    ],
    [
      'a head alone',
      async () => ({ 'mlp.safetensors': head(768) }),
      'MissingTensor',
      /has an aesthetic head \(mlp\.safetensors\), and no vision tower.*clip-vit-large-patch14/,
    ],
    [
      'a pickle',
      async () => ({ 'HPS_v2.1_compressed.pt': 'PK', 'open_clip_config.json': {} }),
      'PickleRefused',
      /HPS_v2\.1_compressed\.pt is a pickle.*RE-N-Y\/hpsv21/,
    ],
    [
      'a head that is a pickle, beside its tower',
      async () => ({ ...clip, 'sac+logos+ava1-l14-linearMSE.pth': 'PK' }),
      'PickleRefused',
      /linearMSE\.pth is a pickle.*mlp\.safetensors of vivym/,
    ],
    [
      'a recipe that is none',
      async () => ({ ...clip, 'judge.json': { judge: 1, recipe: 'taste' } }),
      'BadFile',
      /recipe is "taste"/,
    ],
    [
      'shards with an index that is none',
      async () => ({ 'config.json': config, 'model.safetensors.index.json': {} }),
      'BadFile',
      /model\.safetensors\.index\.json has no weight_map/,
    ],
    [
      'a shard that is not there',
      async () => {
        const { 'model-00002-of-00002.safetensors': _, ...files } = await sharded('judge-clip');
        return files;
      },
      'NotFound',
      /model-00002-of-00002\.safetensors/,
    ],
    [
      'a shard of something else',
      async () => {
        const files = await sharded('judge-clip');
        return { ...files, 'model-00002-of-00002.safetensors': files['model-00001-of-00002.safetensors']! };
      },
      'BadFile',
      /says that .* is in model-00002-of-00002\.safetensors, which does not have it/,
    ],
    [
      'a weight that is no number',
      async () => ({
        ...clip,
        'model.safetensors': await weights((name, data) =>
          name === 'visual_projection.weight' ? data.fill(NaN) : data,
        ),
      }),
      'NotFinite',
      /visual_projection\.weight of \/judges\/mine\/model\.safetensors/,
    ],
  ])('%s', async (_, files, name, message) => {
    const opening = (async () => {
      const judge = await judgeOf(await files());
      await using scorer = await (await judge.plan(recording([]))).make();
      return await scored(scorer.score(await itemsOf('judge-clip')));
    })();
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.toMatchObject({ name });
  });

  function jsonWithVocabulary(): object {
    const own = jsonOf(filesOf('judge-pickscore'), 'config.json') as { text_config: { vocab_size: number } };
    // One token fewer than the tokenizer gives.
    return { ...own, text_config: { ...own.text_config, vocab_size: own.text_config.vocab_size - 1 } };
  }
  function head(width: number): Uint8Array {
    return writeSafetensors({
      weight: { shape: [1, width], data: new Float32Array(width) },
      bias: { shape: [1], data: new Float32Array(1) },
    });
  }
});

it('is the file that is asked for, where a folder has several', async () => {
  const hps = filesOf('judge-hps', 'HPS_v2.1.safetensors');
  const both = { ...filesOf('judge-clip'), ...hps };
  expect(await judgeOf({ ...both, 'config.json': hps['config.json']! })).toMatchObject({ kind: 'clip' });
  const asked = { ...folder({ ...both, 'config.json': hps['config.json']! }), file: 'HPS_v2.1.safetensors' };
  const judge = await readJudge(asked, { name: 'HPS_v2.1.safetensors', from: 'folder' });
  expect(judge).toMatchObject({ kind: 'hps', title: 'HPS v2.1' });
});

it('says what of a prompt it does not read', async () => {
  const judge = await judgeOf(filesOf('judge-clip'));
  const [none, rest] = await judge.lost!(['a photo', `${'sea '.repeat(75)}moon and stars`]);
  expect(none).toBe('');
  expect(rest).toBe('moon and stars');
  expect((await judgeOf(filesOf('judge-aesthetic-v2'))).lost).toBeUndefined();
});

it('leaves a folder that is no CLIP to others', async () => {
  await expect(judgeOf({ 'config.json': { model_type: 'bert' } })).rejects.toMatchObject({
    name: 'UnsupportedArchitecture',
  });
  await expect(
    judgeOf({ 'other.safetensors': writeSafetensors({ x: { shape: [1], data: Float32Array.of(1) } }) }),
  ).rejects.toMatchObject({ name: 'NotFound' });
});
