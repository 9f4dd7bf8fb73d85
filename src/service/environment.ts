/** What the engine needs of the place it runs in: a page's worker, or Node. */
import type { FileStore } from '../data/files.ts';

/** Read access to a folder. Paths use `/`. */
export interface FolderReader {
  /** Rejects with NotFound. */
  read(path: string): Promise<Uint8Array<ArrayBuffer>>;
}

export interface Environment {
  /** `navigator.gpu`, or its like under Node; undefined where there is none. */
  gpu: GPU | undefined;
  /** Whether onnxruntime's WebGPU provider can run here; under Node it cannot. */
  hasOnnxWebgpu: boolean;
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
