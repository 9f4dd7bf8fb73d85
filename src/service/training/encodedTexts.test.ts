import { expect, it } from 'vitest';
import type { PromptEncoding } from '../../models/conditioning.ts';
import type { AtUse } from '../../training/runStep.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import type { ResolvedModel } from '../model/modelPool.ts';
import { testEnvironment } from '../testEnvironment.ts';
import { folderOnDisk } from './testTraining.ts';
import { EncodedTexts } from './encodedTexts.ts';

const model = {
  folder: { parts: { unet: 'u', text_encoder: 't', tokenizer: 'k', pipeline: 'p' } },
  texts: { key: '' },
} as unknown as ResolvedModel;

const used = async (text: AtUse<PromptEncoding>): Promise<PromptEncoding> =>
  typeof text === 'function' ? text() : text;

it('holds the first prompts in memory and the others as files, the same numbers of each', async () => {
  const files = new MemoryFileStore();
  const env = testEnvironment({ files, openModel: folderOnDisk });
  let encoded: string[] = [];
  const encode = async (prompt: string): Promise<PromptEncoding> => {
    encoded.push(prompt);
    return {
      context: Float32Array.from({ length: 8 }, (_, i) => Math.sin(i + prompt.length)),
      pooled: Float32Array.of(prompt.length / 3),
    };
  };
  const prompts = ['a', 'bb', 'ccc', 'bb', 'dddd', 'ccc'];
  // Two of 36 bytes.
  const texts = new EncodedTexts(env, model, 40);
  const found = [];
  for (const prompt of prompts) found.push(await texts.of(prompt, encode));
  expect(encoded).toEqual(['a', 'bb', 'ccc', 'dddd']);
  expect(await files.list('encoded')).toHaveLength(2);
  expect(found.map((text) => typeof text)).toEqual(['object', 'object', 'function', 'object', 'function', 'function']);
  for (const [i, text] of found.entries()) expect(await used(text)).toEqual(await encode(prompts[i]!));

  // Another run, and another model.
  encoded = [];
  await new EncodedTexts(env, model, 0).of('dddd', encode);
  expect(encoded).toEqual([]);
  const other = { ...model, texts: { key: 'with an adapter' } } as unknown as ResolvedModel;
  await new EncodedTexts(env, other, 0).of('dddd', encode);
  expect(encoded).toEqual(['dddd']);
});
