/** A checkpoint in one file, as the folder it stands for. */
import { readModelConfigs } from '../../../../../src/service/model/modelConfigs.ts';
import { asDiffusersFolder } from '../../../../../src/service/model/singleFile.ts';
import { WinnowError } from '../../../../../src/shared/errors.ts';
import { safetensors } from '../../binary.ts';
import { bytesOf, type Files, textOf } from '../../mutate.ts';
import { check, onDisk, type Reader } from '../reader.ts';
import { folder } from './folder.ts';

/** A checkpoint of ours as others write them: its configs are to be made from its shapes. */
function withoutMetadata(file: Uint8Array): Uint8Array {
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  const { __metadata__: _, ...tensors } = JSON.parse(textOf(file.subarray(8, 8 + length))) as Record<string, unknown>;
  return safetensors(JSON.stringify(tensors), file.subarray(8 + length));
}

async function readCheckpoint(files: Files): Promise<void> {
  const reader = await asDiffusersFolder(folder(files));
  if (!reader.component) throw new WinnowError('NotFound', 'It is no checkpoint.', 'Nothing is to be done.');
  await readModelConfigs(reader, { tokenizers: 'all' });
  for (const part of ['unet', 'vae', 'text_encoder']) {
    const { names, shape, read } = reader.component(part);
    const [first] = names;
    check(
      (await read(first!)).length === shape(first!)!.reduce((product, axis) => product * axis, 1),
      `${first} of ${part}`,
    );
  }
}

export const checkpointsReader: Reader = {
  name: 'checkpoints',
  sources: ['service/model/singleFile', 'models/sd/singleFileConfig', 'models/sd/singleFileKeys'],
  words: [
    'modelspec.prediction_type',
    'modelspec.resolution',
    'winnow.folder',
    'v_pred',
    'ztsnr',
    'global_step',
    'model.diffusion_model.input_blocks.1.0.in_layers.2.weight',
    'model.diffusion_model.label_emb.0.0.weight',
    'cond_stage_model.model.token_embedding.weight',
    'conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight',
    'lora_unet_x.lora_up.weight',
    'control_model.x',
  ],
  seeds: (): Files[] => [
    ...['sd1', 'sd2', 'xl'].flatMap((name) => {
      const whole = onDisk(`single-file/${name}.safetensors`);
      return [{ 'm.safetensors': whole }, { 'm.safetensors': withoutMetadata(whole) }];
    }),
    {
      'm.safetensors': onDisk('single-file/sd1.safetensors'),
      'm.yaml': bytesOf('model:\n  params:\n    parameterization: "v"\n    scale_factor: 0.2\n'),
    },
  ],
  read: readCheckpoint,
  share: 0.01,
};
