/** What a person brings, by the table of importers: whatever it is called, and however it begins. */
import { byteRanges } from '../../../../src/data/formats/bytes.ts';
import { formatJsonl } from '../../../../src/data/formats/jsonl.ts';
import { encodePng } from '../../../../src/data/formats/png.ts';
import { writeSafetensors } from '../../../../src/data/formats/safetensors.ts';
import { printTrainConfig } from '../../../../src/data/formats/trainConfig.ts';
import { importAs, importers, importFrom } from '../../../../src/data/importers/table.ts';
import { labelEvent } from '../../../../src/records/testRecords.ts';
import { presets } from '../../../../src/training/presets.ts';
import { bytesOf, type Files } from '../mutate.ts';
import { check, type Reader } from './reader.ts';

const brings = [...new Set(Object.values(importers).map((one) => one.brings))];

async function bring(files: Files): Promise<void> {
  const [name, bytes] = Object.entries(files)[0] ?? ['x', new Uint8Array()];
  const source = { ...byteRanges(bytes), name };
  const found = await importFrom(source, brings);
  check(brings.includes(found.brings) && found.name === name, 'a use that is none');
  // As the page's worker sends it.
  structuredClone(found.value);
  await importAs(source, found.brings);
}

const png = encodePng(
  { width: 1, height: 1, data: new Uint8Array(4) },
  { parameters: 'a cat\nSteps: 5, Seed: 1, Size: 8x8' },
);
const labels = bytesOf(formatJsonl([labelEvent('a', 'p'), labelEvent('b', 'q')]));
const weights = writeSafetensors({ 'lora_unet_a.lora_up.weight': { shape: [1], data: new Float32Array(1) } });

export const importReaders: readonly Reader[] = [
  {
    name: 'imports',
    sources: [
      'data/importers/table',
      'data/importers/importer',
      'data/importers/pictures',
      'data/importers/labelEvents',
    ],
    words: ['\xff\xd8\xff', 'RIFF', 'WEBP', '\x89PNG\r\n', 'parameters', 'left', 'id'],
    seeds: (): Files[] => [
      { 'a.png': png },
      { picture: png },
      { 'a.jpg': Uint8Array.of(0xff, 0xd8, 0xff, 0xe0) },
      { download: Uint8Array.of(0xff, 0xd8, 0xff, 0xe0) },
      { 'a.webp': bytesOf('RIFF\0\0\0\0WEBP') },
      { download: bytesOf('RIFF\0\0\0\0WEBP') },
      { 'a.safetensors': weights },
      { 'a.ckpt': bytesOf('PK\x03\x04') },
      { 'a.json': bytesOf(printTrainConfig(presets[0]!.config)) },
      { 'a.txt': bytesOf('a cat\na dog\n') },
      { 'a.jsonl': labels },
      { unknown: bytesOf('what is this') },
    ],
    read: bring,
    share: 0.5,
  },
];
