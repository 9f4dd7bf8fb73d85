/** What the engine needs of the place it runs in: a page's worker, or Node. */
import type { FileStore } from '../data/files.ts';
import { byteRanges, type ByteRanges } from '../data/formats/bytes.ts';
import type { ComponentWeights } from './model/weightFiles.ts';
import type { PredictionType } from './types.ts';

/** Read access to a folder. Paths use `/`. */
export interface FolderReader {
  /** A small file, whole. Rejects with NotFound. */
  read(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** A file to be read by ranges: weights, which may be larger than memory. Rejects with NotFound. */
  open(path: string): Promise<ByteRanges>;
  /** SHA-256 of a file, hex, where the place that keeps it knows it or can stream it; else its bytes are read whole for it. */
  sha256?(path: string): Promise<string>;
  /** Paths of its files, at least of those at its top, where the place can list them. */
  list?(): Promise<string[]>;
  /** Names of the folders in a folder, [] where there is none, where the place can list them. */
  folders?(path: string): Promise<string[]>;
  /** Weights that do not lie in files of their own (service/model/singleFile.ts): a component's, by its folder. */
  component?(folder: string): ComponentWeights;
  /** What the network predicts, where it is said beside the model's own files: by a person, or by the YAML of a checkpoint in one file. */
  readonly predictionType?: PredictionType | undefined;
  /** What the place knows of the model. `disk` if it says nothing. */
  readonly origin?: { source: 'embedded' | 'disk' | 'hub'; title?: string } | undefined;
}

/** A folder whose files are in memory, or can only be had whole. */
export const wholeFiles = (read: FolderReader['read'], origin?: FolderReader['origin']): FolderReader => ({
  read,
  open: async (path) => byteRanges(await read(path)),
  ...(origin && { origin }),
});

export interface Environment {
  /** `navigator.gpu`, or its like under Node; undefined where there is none. */
  gpu: GPU | undefined;
  /** Whether onnxruntime's WebGPU provider can run here; under Node it cannot. */
  hasOnnxWebgpu: boolean;
  /** Of the computer, where the place knows of it. */
  memoryBytes?: number | undefined;
  /** Images, latents, runs, LoRA files. */
  files: FileStore;
  /** Ids of models that come with the product, the default first. */
  embeddedModels: readonly string[];
  /** A model's diffusers folder by its id. */
  openModel(id: string): FolderReader;
  /** SHA-256, hex. */
  sha256(bytes: Uint8Array): Promise<string>;
  now(): Date;
  newId(): string;
}
