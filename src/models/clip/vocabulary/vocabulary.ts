/** CLIP's own vocabulary from its merges, which is all that a checkpoint without a tokenizer needs: the bytes, the bytes that end a word, each
 *  merge, the two special tokens. https://github.com/openai/CLIP, clip/simple_tokenizer.py. */

export const CLIP_VOCAB_SIZE = 49408;

/** GPT-2's printable stand-ins for the bytes in CLIP's order: printable bytes first, then the others. */
function byteTokens(): string[] {
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const isPrintable = (b: number): boolean => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  const printable = bytes.filter(isPrintable);
  return [...printable, ...bytes.filter((b) => !isPrintable(b)).map((_, i) => 256 + i)].map((code) =>
    String.fromCharCode(code),
  );
}

/** vocab.json from merges.txt. */
export function clipVocabulary(merges: string): Record<string, number> {
  const bytes = byteTokens();
  const lines = merges.split('\n').filter((line, i) => line !== '' && !(i === 0 && line.startsWith('#version')));
  const tokens = [
    ...bytes,
    ...bytes.map((byte) => `${byte}</w>`),
    ...lines.map((line) => line.replace(' ', '')),
    '<|startoftext|>',
    '<|endoftext|>',
  ];
  return Object.fromEntries(tokens.map((token, id) => [token, id]));
}

/** What fills a prompt up to 77 tokens: CLIP-L's end token, or the id 0 of the OpenCLIP encoders of Stable Diffusion 2 and XL. */
export type ClipPadding = '<|endoftext|>' | '!';

/** The text of a file of a tokenizer folder, as the published models have it; undefined for one that it does not need. */
export function clipTokenizerFile(merges: string, pad: ClipPadding, name: string): string | undefined {
  if (name === 'merges.txt') return merges;
  if (name === 'vocab.json') return JSON.stringify(clipVocabulary(merges));
  if (name !== 'tokenizer_config.json') return undefined;
  const special = (content: string): object => ({
    __type: 'AddedToken',
    content,
    lstrip: false,
    normalized: true,
    rstrip: false,
    single_word: false,
  });
  const end = special('<|endoftext|>');
  const config = {
    add_prefix_space: false,
    bos_token: special('<|startoftext|>'),
    do_lower_case: true,
    eos_token: end,
    errors: 'replace',
    model_max_length: 77,
    pad_token: pad,
    tokenizer_class: 'CLIPTokenizer',
    unk_token: end,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
