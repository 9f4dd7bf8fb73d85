/** Readers of models' folders and files. */
import type { Reader } from '../reader.ts';
import { modelConfigsReader } from './modelConfigs.ts';
import { schedulersReader } from './schedulers.ts';
import { tokenizersReader } from './tokenizers.ts';
import { shardsReader, weightsReader } from './weights.ts';
import { checkpointsReader } from './checkpoints.ts';
import { scorersReader } from './scorers.ts';
import { modelFilesReader } from './modelFiles.ts';
import { hubReader } from './hub.ts';

export const modelReaders: readonly Reader[] = [
  modelConfigsReader,
  schedulersReader,
  tokenizersReader,
  weightsReader,
  shardsReader,
  checkpointsReader,
  scorersReader,
  modelFilesReader,
  hubReader,
];
