/** Headers of ONNX files that a person brings as judges. */
import { readFileSync } from 'node:fs';
import { byteRanges } from '../../../../src/data/formats/bytes.ts';
import { readOnnxHeader } from '../../../../src/data/formats/onnxHeader.ts';
import type { Files } from '../mutate.ts';
import { allFinite, check, only, type Reader } from './reader.ts';

async function readHeader(files: Files): Promise<void> {
  const { inputs, outputs, external } = await readOnnxHeader(byteRanges(only(files)), 'x.onnx');
  allFinite([inputs, outputs]);
  for (const { dims } of [...inputs, ...outputs])
    check(
      dims.every((side) => side === null || (Number.isInteger(side) && side >= 0)),
      'a side that is none',
    );
  check(new Set(external).size === external.length, 'a file named twice');
}

export const onnxReaders: readonly Reader[] = [
  {
    name: 'onnx-header',
    sources: ['data/formats/onnxHeader'],
    words: ['\x3a', '\x5a', '\x62', '\x2a', 'location', 'pixel_values', '\xff\xff\xff\xff\x0f', '\x08\x01'],
    seeds: (): Files[] =>
      ['border/model', 'both-towers/model', 'labels/model'].map((path) => ({
        'x.onnx': new Uint8Array(readFileSync(`tools/judges/onnx/judges/${path}.onnx`)),
      })),
    read: readHeader,
    share: 0.5,
  },
];
