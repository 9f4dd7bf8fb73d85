/** Readers of data/formats; of LoRA files see lora.ts. */
import { isDeepStrictEqual as same } from 'node:util';
import { unzipSync, zlibSync } from 'fflate';
import { parseParameters, formatParameters } from '../../../../src/data/formats/a1111.ts';
import { parseCheckpointYaml, yamlNames } from '../../../../src/data/formats/checkpointYaml.ts';
import { formatJsonl, readJsonLines } from '../../../../src/data/formats/jsonl.ts';
import { decodePicture } from '../../../../src/data/formats/picture.ts';
import { readPictureInfo } from '../../../../src/data/formats/pictureInfo.ts';
import { decodePng, encodePng, readPngText, writePngText } from '../../../../src/data/formats/png.ts';
import { readPromptSet } from '../../../../src/data/formats/promptSets.ts';
import { openSafetensors, writeSafetensors } from '../../../../src/data/formats/safetensors.ts';
import { decodeText } from '../../../../src/data/formats/text.ts';
import { parseTrainConfig, printTrainConfig } from '../../../../src/data/formats/trainConfig.ts';
import { readParameters } from '../../../../src/data/imageParameters.ts';
import { imageRecordSchema } from '../../../../src/records/images.ts';
import { imageRecord } from '../../../../src/records/testRecords.ts';
import { MemoryFileStore } from '../../../../src/service/memoryFiles.ts';
import { zipped } from '../../../../src/service/export/zipped.ts';
import { presets } from '../../../../src/training/presets.ts';
import { limits } from '../../../../src/shared/limits.ts';
import { png, safetensors } from '../binary.ts';
import { bytesOf, type Files, textOf } from '../mutate.ts';
import { allFinite, check, json, jsonOnDisk, numbers, onDisk, only, type Reader } from './reader.ts';

// ---- safetensors ----------------------------------------------------------------------------------------------------------------

const everyType = (): Uint8Array => {
  let end = 0;
  const types = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 };
  const header = Object.fromEntries(
    Object.entries(types).map(([dtype, width]) => [
      `a.${dtype}`,
      { dtype, shape: [2, 3], data_offsets: [end, (end += 6 * width)] },
    ]),
  );
  return safetensors(JSON.stringify({ __metadata__: { format: 'pt' }, ...header }), new Uint8Array(end).fill(1));
};

async function readSafetensors(files: Files): Promise<void> {
  const bytes = only(files);
  // As a file on disk, and in memory.
  const file = await openSafetensors(
    bytes.length % 8 === 0 ? new Blob([new Uint8Array(bytes)]) : bytes,
    'x.safetensors',
  );
  const tensors: Record<string, { shape: readonly number[]; data: Float32Array; dtype: 'F32' | 'F16' | 'BF16' }> = {};
  for (const name of file.names) {
    const { shape, begin, end, dtype } = file.info(name)!;
    check(begin >= 0 && end <= bytes.length, `${name} lies outside`);
    const data = await file.read(name);
    check(data.length === shape.reduce((product, axis) => product * axis, 1), `${name} has ${data.length} numbers`);
    if (file.half(name)) check((await file.readHalf(name)).length === data.length, `${name} has other bits`);
    check((await file.readInt32(name)).length === data.length, `${name} has other integers`);
    if (shape[0]) check((await file.read(name, [0, 1])).length * shape[0] === data.length, `a row of ${name}`);
    tensors[name] = { shape, data, dtype: dtype === 'F16' || dtype === 'BF16' ? dtype : 'F32' };
  }
  const again = await openSafetensors(writeSafetensors(tensors, file.metadata), 'again');
  check(again.names.length === file.names.length, 'tensors are lost when they are written');
  check(same({ ...again.metadata }, { ...file.metadata }), 'metadata changes when it is written');
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    check(same(again.shape(name), shape), `${name} has another shape when it is read again`);
    // By value: a NaN may come back as another.
    const back = await again.read(name);
    check(
      data.every((value, i) => Object.is(value, back[i])),
      `${name} has other numbers when it is read again`,
    );
  }
}

// ---- pictures -------------------------------------------------------------------------------------------------------------------

const a1111Text = [
  'a red house, (tree:1.2)',
  'second line',
  'Negative prompt: blurry, "bad"',
  'Steps: 20, Sampler: DPM++ 2M Karras, Schedule type: Karras, CFG scale: 7, Seed: 42, Size: 512x512, Model hash: 0123abcd, Model: x, Lora hashes: "a: 1, b: 2", Hashes: {"model": "0"}, Eta DDIM: 0.5, Version: v1.10',
  'Template: a [b] {c',
].join('\n');

const a1111Words = [
  'Steps: 20',
  'Sampler',
  'Schedule type: Karras',
  'CFG scale: 7.5',
  'Seed: 1',
  'Size: 96x96',
  'Negative prompt:',
  'Euler a',
  'DPM++ 2M SGM Uniform',
  'Exponential',
  'Model hash',
  '"a\\"b, c"',
  '[1, {"a": "]"}]',
  '{"winnow": 1}',
  ': ',
  ', ',
  '\n',
];

/** Of every colour type. */
function pictures(): Uint8Array[] {
  const pixels = { width: 5, height: 3, data: Uint8Array.from({ length: 60 }, (_, i) => (i * 37) & 255) };
  const opaque = { ...pixels, data: pixels.data.map((value, i) => (i % 4 === 3 ? 255 : value)) };
  const record = JSON.stringify(imageRecord('a'));
  const rgb = encodePng(opaque, { winnow: record, parameters: a1111Text });
  const rgba = encodePng(pixels, { parameters: 'Haus am See 🌳' });
  const of = (colour: number, channels: number, ...more: { type: string; data: Uint8Array }[]): Uint8Array =>
    png([
      { type: 'IHDR', data: Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 5, 8, colour, 0, 0, 0) },
      ...more,
      { type: 'IDAT', data: rows(channels) },
      { type: 'IEND', data: new Uint8Array() },
    ]);
  /** 4 by 5 pixels, each row by another filter. */
  const rows = (channels: number): Uint8Array =>
    zlibSync(
      Uint8Array.from({ length: 5 * (4 * channels + 1) }, (_, i) =>
        i % (4 * channels + 1) ? i % 8 : i / (4 * channels + 1),
      ),
    );
  const palette = { type: 'PLTE', data: Uint8Array.from({ length: 24 }, (_, i) => i) };
  return [
    rgb,
    rgba,
    of(0, 1, { type: 'tRNS', data: Uint8Array.of(0, 3) }),
    of(2, 3, { type: 'tRNS', data: Uint8Array.of(0, 1, 0, 1, 0, 1) }),
    of(3, 1, palette, { type: 'tRNS', data: Uint8Array.of(0, 128) }),
    of(4, 2),
    of(6, 4),
  ];
}

/** Of 1 to 16 bits, interlaced. */
const pillowPngs = (): Uint8Array[] =>
  Object.keys(jsonOnDisk('pictures/expected.json'))
    .filter((name) => name.endsWith('.png'))
    .map((name) => onDisk(`pictures/${name}`));

function readTexts(files: Files): void {
  const bytes = only(files);
  const texts = readPngText(bytes);
  const { parameters } = readParameters(texts);
  if (parameters) {
    check(imageRecordSchema.partial().safeParse(parameters).success, 'parameters that are no record');
    // What goes to the studio goes through a worker.
    structuredClone(parameters);
    if (!texts.has('winnow')) allFinite(parameters);
  }
  const written = { parameters: 'a\u00e9\ud83c\udf33', winnow: 'x' };
  const again = readPngText(writePngText(bytes, written));
  for (const [keyword, text] of Object.entries(written)) check(again.get(keyword) === text, `${keyword} is lost`);
}

function readPixels(files: Files): void {
  const { width, height, data } = decodePng(only(files));
  check(data.length === width * height * 4, 'other pixels than its size');
  if (data.length > 4096) return;
  check(same(decodePng(encodePng({ width, height, data })), { width, height, data }), 'pixels change');
}

async function readInfo(files: Files): Promise<void> {
  const { width, height, orientation, bits } = await readPictureInfo(only(files));
  check(width >= 1 && height >= 1 && width * height <= 2 ** 26, `${width} by ${height} pixels`);
  check(orientation >= 1 && orientation <= 8, `orientation ${orientation}`);
  check(Number.isInteger(bits), `${bits} bits`);
}

async function readPicture(files: Files): Promise<void> {
  const { width, height, data } = await decodePicture(only(files));
  check(data.length === width * height * 4, 'other pixels than its size');
}

function readA1111(files: Files): void {
  const parsed = parseParameters(textOf(only(files)));
  check(
    Object.values(parsed.fields).every((value) => typeof value === 'string'),
    'a field that is no text',
  );
  const again = parseParameters(formatParameters(parsed));
  if (Object.keys(parsed.fields).length >= 3 && parsed.fields['Steps'])
    check(again.fields['Steps'] !== undefined, 'the settings are lost');
  structuredClone(readParameters(new Map([['parameters', textOf(only(files))]])));
}

// ---- texts ----------------------------------------------------------------------------------------------------------------------

const yamls = [
  'model:\n  target: ldm.models.diffusion.ddpm.LatentDiffusion\n  params:\n    parameterization: "v" # so\n    scale_factor: 0.18215\n',
  'model:\n  target: sgm.models.diffusion.DiffusionEngine\n  params:\n    scale_factor: 0.13025\n    denoiser_config:\n      target: sgm.modules.diffusionmodules.denoiser_scaling.VScaling\n',
  "model: {target: ldm.models.diffusion.ddpm.LatentDiffusion, params: {parameterization: 'eps'}}\r\n",
];

function readYaml(files: Files): void {
  const { predictionType, scalingFactor } = parseCheckpointYaml(only(files), yamlNames('m.safetensors')[0]!);
  check(
    predictionType === undefined || ['epsilon', 'v_prediction', 'sample'].includes(predictionType),
    `it predicts ${String(predictionType)}`,
  );
  check(scalingFactor === undefined || (scalingFactor >= 1e-6 && scalingFactor <= 1e6), `scaled by ${scalingFactor}`);
}

async function readPromptList(files: Files): Promise<void> {
  const [name] = Object.keys(files);
  const prompts = await readPromptSet(only(files), name!);
  for (const { prompt, category } of prompts) {
    check(prompt.length > 0 && prompt.length <= limits.prompt, 'a prompt out of bounds');
    check(category === undefined || (category.length > 0 && category.length <= 100), 'a category out of bounds');
  }
  check(same(await readPromptSet(bytesOf(JSON.stringify(prompts)), 'p.json'), prompts), 'prompts change as JSON');
}

function readLines(files: Files): void {
  const { lines, cut } = readJsonLines(decodeText(only(files), 'x.jsonl'), 'x.jsonl');
  const again = readJsonLines(formatJsonl(lines.map(({ value }) => value)));
  check(cut === undefined || typeof cut === 'string', 'a cut line that is none');
  check(again.lines.length === lines.length && again.cut === undefined, 'lines are lost when they are written');
}

function readTrainConfig(files: Files): void {
  const config = parseTrainConfig(textOf(only(files)));
  allFinite(config);
  // JSON has no -0.
  const written: unknown = JSON.parse(JSON.stringify(config));
  check(same(parseTrainConfig(printTrainConfig(config)), written), 'settings change when they are written');
}

/** What is zipped, by its names and texts: read again by another program. */
async function writeZip(files: Files): Promise<void> {
  let wanted: unknown;
  try {
    wanted = JSON.parse(textOf(only(files)));
    // Nested deeper than can be printed again, it is no content.
    JSON.stringify(wanted);
  } catch {
    return;
  }
  if (typeof wanted !== 'object' || wanted === null || Array.isArray(wanted)) return;
  const store = new MemoryFileStore();
  const entries = Object.entries(wanted as Record<string, unknown>).slice(0, 20);
  const made = [];
  for (const [i, [name, content]] of entries.entries()) {
    const bytes = bytesOf(JSON.stringify(content) ?? '');
    await store.write(`exports/${i}`, bytes);
    made.push({ name: name || 'unnamed', file: `exports/${i}`, size: bytes.length });
  }
  const { file } = await zipped(store, made, 'exports', 'model');
  const found = unzipSync(await store.read(file));
  for (const [i, { name }] of made.entries())
    check(
      textOf(found[textOf(bytesOf(`model/${name}`))] ?? new Uint8Array()) === JSON.stringify(entries[i]![1]),
      `${name} is not in the zip`,
    );
}

export const formatReaders: readonly Reader[] = [
  {
    name: 'safetensors',
    sources: ['data/formats/safetensors', 'data/formats/bytes', 'shared/json'],
    words: ['__metadata__', 'dtype', 'shape', 'data_offsets', 'F32', 'format', 'pt', 'a.F32'],
    seeds: (): Files[] => [
      { 'x.safetensors': everyType() },
      {
        'x.safetensors': writeSafetensors({
          a: { shape: [2, 2], data: numbers(4), dtype: 'F16' },
          b: { shape: [], data: Int32Array.of(7) },
        }),
      },
      { 'x.safetensors': safetensors('{}', new Uint8Array()) },
      // Pickles, old and new, and a pointer in the file's place.
      { 'x.ckpt': bytesOf('PK\x03\x04\x00\x00archive/data.pkl') },
      {
        'x.ckpt': Uint8Array.of(0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e),
      },
      { 'x.txt': bytesOf('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n') },
    ],
    read: readSafetensors,
    share: 2,
  },
  {
    name: 'png-texts',
    sources: [
      'data/formats/png',
      'data/formats/inflate',
      'data/imageParameters',
      'data/pictureSettings/found',
      'data/pictureSettings/a1111',
    ],
    words: a1111Words,
    seeds: () => pictures().map((bytes) => ({ 'x.png': bytes })),
    read: readTexts,
    share: 0.5,
  },
  {
    name: 'png-pixels',
    sources: ['data/formats/png', 'data/formats/inflate'],
    words: ['\0\0\0\x04', '\x01', '\x02', '\x03', '\x04'],
    seeds: () => [...pictures(), ...pillowPngs()].map((bytes) => ({ 'x.png': bytes })),
    read: readPixels,
    share: 0.3,
  },
  {
    name: 'picture-info',
    sources: ['data/formats/pictureInfo', 'data/formats/bytes'],
    words: [
      'Exif\0\0',
      'II*\0',
      'MM\0*',
      '\x01\x12',
      '\x12\x01',
      'eXIf',
      'EXIF',
      'VP8X',
      'VP8L',
      'VP8 ',
      '\xff\xc2',
      '\xff\xda',
    ],
    seeds: () =>
      Object.keys(jsonOnDisk('pictures/expected.json'))
        .filter((name) => !name.startsWith('trailing'))
        .map((name) => ({ [name]: onDisk(`pictures/${name}`) })),
    read: readInfo,
    share: 0.3,
  },
  {
    name: 'pictures',
    sources: ['data/formats/picture'],
    words: ['\xff\xc4', '\xff\xdb', '\xff\xda', 'VP8X', 'VP8L', 'VP8 ', 'ALPH'],
    seeds: () =>
      Object.keys(jsonOnDisk('pictures/expected.json'))
        .filter((name) => /\.(jpg|webp)$/.test(name) && !name.startsWith('trailing'))
        .map((name) => ({ [name]: onDisk(`pictures/${name}`) })),
    read: readPicture,
    share: 0.1,
  },
  {
    name: 'a1111',
    sources: ['data/formats/a1111', 'data/imageParameters', 'data/pictureSettings/found', 'data/pictureSettings/a1111'],
    words: a1111Words,
    seeds: (): Files[] => [
      { 'x.txt': bytesOf(a1111Text) },
      { 'x.txt': bytesOf('a cat\nSteps: 5, Sampler: PNDM, CFG scale: 1, Seed: -1, Size: 5x') },
      { 'x.txt': bytesOf('a cat') },
    ],
    read: readA1111,
    share: 2,
  },
  {
    name: 'checkpoint-yaml',
    sources: ['data/formats/checkpointYaml', 'data/formats/text'],
    words: [
      'parameterization:',
      'scale_factor:',
      '"v"',
      'eps',
      'x0',
      'denoiser_scaling.EpsScaling',
      'target:',
      'diffusion.ddpm.',
      '#',
      '{',
      '1e9',
    ],
    seeds: () => yamls.map((text) => ({ 'm.yaml': bytesOf(text) })),
    read: readYaml,
  },
  {
    name: 'prompts',
    sources: ['data/formats/promptList', 'data/formats/promptSets', 'data/formats/text'],
    words: ['# remark', '{"prompt": "a"}', '[]', 'x'.repeat(10_001), 'prompt\tcategory', '\r'],
    seeds: (): Files[] => [
      { 'p.txt': bytesOf('a cat\n# remark\r\na dog, "sitting"\n\n  Häuser am See 🌳\nein Hund') },
      { 'p.txt': bytesOf('[{"prompt": "a cat"}]\n') },
      { 'p.txt': bytesOf('{"prompt": "a cat"}\n{"prompt": "a dog"}\n') },
      { 'p.tsv': bytesOf('Prompt\tCategory\nbond\tAbstract\n"A" in "B"\tSigns\n') },
      { 'p.csv': bytesOf('Prompts,Category\nA red car.,Colors\n"A cow, at night.",Conflicting\n') },
      { 'anime.json': bytesOf('["a girl", "a dog"]') },
      { 'all.json': bytesOf('{"anime": ["a girl"], "photo": ["a dog"]}') },
    ],
    read: readPromptList,
  },
  {
    name: 'json-lines',
    sources: ['data/formats/jsonl', 'data/formats/text'],
    words: ['{}', '[', '"', '\n'],
    seeds: (): Files[] => [{ 'x.jsonl': bytesOf('{"a": 1}\n\n[1, 2, {"b": null}]\r\n"x"\n\ufeff{"c": "é"}') }],
    read: readLines,
  },
  {
    name: 'train-config',
    sources: ['data/formats/trainConfig'],
    words: [
      'mode',
      'full',
      'loss',
      'hinge',
      'soft',
      'seed',
      'timestepRange',
      'samplePrompts',
      'sampleSeeds',
      'version',
      'recompute',
    ],
    seeds: () => presets.map(({ config }) => ({ 'config.json': bytesOf(printTrainConfig(config)) })),
    read: readTrainConfig,
  },
  {
    name: 'zip',
    sources: ['service/export/zipped'],
    words: ['unet/config.json', 'a/b/c.txt', 'Häuser.txt', '🌳'],
    seeds: (): Files[] => [{ 'files.json': json({ 'unet/config.json': { a: 1 }, 'b.txt': 'x', 'empty.txt': '' }) }],
    read: writeZip,
    share: 0.01,
  },
];
