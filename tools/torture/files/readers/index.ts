/** Every reader of files that come from outside, or from before. A new format has a line here: `files.test.ts` looks for each of data/formats. */
import { formatReaders } from './formats.ts';
import { importReaders } from './imports.ts';
import { loraReaders } from './lora.ts';
import { modelReaders } from './models/index.ts';
import { onnxReaders } from './onnx.ts';
import { pictureSettingsReaders } from './pictureSettings.ts';
import { preferenceReaders } from './preferences.ts';
import { projectReaders } from './project.ts';
import type { Reader } from './reader.ts';
import { recordReaders } from './records.ts';

export const readers: readonly Reader[] = [
  ...formatReaders,
  ...loraReaders,
  ...importReaders,
  ...onnxReaders,
  ...pictureSettingsReaders,
  ...preferenceReaders,
  ...projectReaders,
  ...recordReaders,
  ...modelReaders,
];
