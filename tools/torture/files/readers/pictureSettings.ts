/** Readers of what tools write into their pictures, in every container. */
import { readPictureText } from '../../../../src/data/formats/pictureText.ts';
import { readParameters } from '../../../../src/data/imageParameters.ts';
import written from '../../../../src/data/pictureSettings/pictures.json' with { type: 'json' };
import { imageRecordSchema } from '../../../../src/records/images.ts';
import { bytesOf, type Files } from '../mutate.ts';
import { allFinite, check, only, type Reader } from './reader.ts';

function checkFound({ parameters, notTaken }: ReturnType<typeof readParameters>): void {
  check(
    notTaken.every((said) => said.length < 400),
    'a note as long as a picture',
  );
  if (!parameters) return;
  check(imageRecordSchema.partial().safeParse(parameters).success, 'parameters that are no record');
  allFinite(parameters);
}

async function readPicture(files: Files): Promise<void> {
  checkFound(readParameters(await readPictureText(only(files))));
}

const keywords = ['parameters', 'prompt', 'invokeai_metadata', 'sd-metadata'];

/** The text alone, under each keyword that a tool has. */
function readText(files: Files): void {
  const text = new TextDecoder().decode(only(files));
  for (const keyword of keywords) checkFound(readParameters(new Map([[keyword, text]])));
}

const pictures = Object.entries(written).map(([name, base64]): [string, Uint8Array] => [
  name,
  new Uint8Array(Buffer.from(base64, 'base64')),
]);

/** The JSON that lies in the PNG files, whose keyword is followed by a zero. */
const texts = pictures.flatMap(([, bytes]) => {
  const all = Buffer.from(bytes).toString('latin1');
  const start = all.indexOf('\0{') + 1;
  return start > 0 ? [all.slice(start, all.lastIndexOf('}') + 1)] : [];
});

const words = [
  'class_type',
  'inputs',
  'KSampler',
  'CLIPTextEncode',
  '["1", 0]',
  'sui_image_params',
  'full_prompt',
  'num_inference_steps',
  'RuinedFooocus',
  'UNICODE\0',
  'ASCII\0\0\0',
  'prompt:{',
  '"seed": 1e400',
];

export const pictureSettingsReaders: readonly Reader[] = [
  {
    name: 'picture-settings',
    sources: ['data/formats/pictureText', 'data/pictureSettings/found', 'data/pictureSettings/a1111'],
    words,
    seeds: () => pictures.map(([name, bytes]) => ({ [name]: bytes })),
    read: readPicture,
    share: 0.3,
  },
  {
    name: 'picture-settings-json',
    sources: ['comfyui', 'comfySamplers', 'fooocus', 'found', 'invokeai', 'spaces', 'swarmui'].map(
      (tool) => `data/pictureSettings/${tool}`,
    ),
    words,
    seeds: () => texts.map((text) => ({ 'x.json': bytesOf(text) })),
    read: readText,
    share: 0.5,
  },
];
