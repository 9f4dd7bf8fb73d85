/** A tokenizer in any of its layouts. */
import { ClipTokenizer } from '../../../../../src/models/clip/tokenizer.ts';
import { readTokenizer } from '../../../../../src/service/model/modelConfigs.ts';
import { bytesOf, type Files } from '../../mutate.ts';
import { check, json, jsonOnDisk, type Reader } from '../reader.ts';
import { folder } from './folder.ts';

const prompts = [
  '',
  'a photo of a cat',
  "half <|endoftext|>  way <foo> !bar <Foo>x it's <|startoftext|>",
  'HÄUSER ΣΑΣ 🌳\u0085\ufeff \ud800',
  'snow '.repeat(40),
  'a'.repeat(3000),
];

async function tokenize(files: Files): Promise<void> {
  const tokenizer: ClipTokenizer = await readTokenizer(
    folder(Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`tokenizer/${name}`, bytes]))),
  );
  const { maxLength, largestId } = tokenizer;
  check(Number.isInteger(maxLength) && maxLength >= 2, `a length of ${maxLength}`);
  for (const prompt of prompts) {
    const ids = tokenizer.encode(prompt);
    check(ids.length === maxLength, `${ids.length} ids of ${maxLength}`);
    check(
      ids.every((id) => id >= 0 && id <= largestId),
      `an id beyond ${largestId}`,
    );
    tokenizer.lost(prompt, maxLength);
  }
  check(tokenizer.content.length > 0, 'no content');
}

/** Layouts of published tokenizers with a small vocabulary. */
function tokenizerSeeds(): Files[] {
  const { layouts } = jsonOnDisk('layouts/tokenizers.json') as {
    layouts: Record<string, { files: Record<string, Record<string, unknown>> }>;
  };
  const vocab = {
    ...Object.fromEntries(Object.entries(jsonOnDisk('cases/tokenizer-pad-zero/tokenizer/vocab.json')).slice(0, 80)),
    '<|startoftext|>': 80,
    '<|endoftext|>': 81,
    'a</w>': 82,
    aa: 83,
    'aa</w>': 84,
    aaaa: 85,
  };
  const merges = ['a a', 'a a</w>', 'aa aa', 't h', 'th e</w>'];
  return Object.values(layouts).map(({ files }) => {
    const whole = files['tokenizer.json'];
    const model = { type: 'BPE', vocab, merges, end_of_word_suffix: '</w>' };
    return Object.fromEntries(
      Object.entries({
        ...files,
        ...(whole ? { 'tokenizer.json': { model, ...whole } } : { 'vocab.json': vocab }),
      })
        .map(([name, content]) => [name, json(content)] as const)
        .concat(whole ? [] : [['merges.txt', bytesOf(`#version: 0.2\n${merges.join('\n')}\n`)]]),
    );
  });
}

export const tokenizersReader: Reader = {
  name: 'tokenizers',
  sources: ['models/clip/tokenizer'],
  words: [
    'bos_token',
    'pad_token',
    'cls_token',
    'content',
    'normalized',
    'lstrip',
    'rstrip',
    'single_word',
    'special',
    'added_tokens_decoder',
    'additional_special_tokens',
    'extra_special_tokens',
    'model_max_length',
    'padding_side',
    'truncation_side',
    'left',
    '<foo>',
    'a',
    'a a',
    '<|endoftext|>',
    '</w>',
    'merges',
    'vocab',
  ],
  seeds: tokenizerSeeds,
  read: tokenize,
  share: 0.05,
};
