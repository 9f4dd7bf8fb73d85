/** What may lie beside a judge's model under names of its judge.json: known before that is read, when a folder is brought in. */

/** Known scores that one judge.json may hold. */
export const MOST_TESTS = 16;

/** A head beside a tower or a model. */
export const isHeadFile = (path: string): boolean => /^[^\\/]*(mlp|head)[^\\/]*\.safetensors$/i.test(path);

/** One of LAION's beside its vision tower, whatever it is saved as: a name without folders. */
export const isTowerHead = (name: string): boolean =>
  /^(head|mlp)\.|^[^\\/]*(linearMSE|reluMSE|vit_[lb]_\d+_linear)/i.test(name);

/** A picture whose score is known. */
export const isTestPicture = (path: string): boolean => /^(selfTest\/)?[^\\/]+\.(png|jpe?g|webp)$/i.test(path);

/** Where people have BERT's vocabulary: beside the weights, in a tokenizer's folder, or in one of BERT's. */
export const vocabularyFiles = ['vocab.txt', 'tokenizer/vocab.txt', 'bert-base-uncased/vocab.txt'] as const;
