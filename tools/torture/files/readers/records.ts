/** Readers of what Winnow itself keeps: records, runs, states, settings, the list of stored models. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual as same } from 'node:util';
import { appendRecords, readRecords } from '../../../../src/cli/records.ts';
import { formatJsonl, readRecordLines } from '../../../../src/data/formats/jsonl.ts';
import { decodeText } from '../../../../src/data/formats/text.ts';
import { writeSafetensors } from '../../../../src/data/formats/safetensors.ts';
import { countLabels, foldLabels } from '../../../../src/data/labels.ts';
import { ModelStore } from '../../../../src/data/modelStore.ts';
import { trainPairs } from '../../../../src/data/pairs.ts';
import { listRuns, parseMetrics, readRun, writeRun } from '../../../../src/data/runs.ts';
import { withoutPaths } from '../../../../src/records/images.ts';
import { blindTestKind, imageKind, labelKind, pairKind, type RecordKind } from '../../../../src/records/kinds.ts';
import { imageRecord, labelEvent, pairRecord } from '../../../../src/records/testRecords.ts';
import { savedChoices } from '../../../../src/service/choices.ts';
import { savedTuning } from '../../../../src/service/tunedKernels.ts';
import { MemoryFileStore } from '../../../../src/service/memoryFiles.ts';
import { testRun } from '../../../../src/service/testRuns.ts';
import { restoreState } from '../../../../src/service/training/checkpoint.ts';
import { savedRunRate } from '../../../../src/service/training/stepRate.ts';
import { layoutArenas } from '../../../../src/training/arena.ts';
import { bytesOf, type Files, textOf } from '../mutate.ts';
import { allFinite, check, json, only, type Reader } from './reader.ts';

const lines = (...records: unknown[]): Uint8Array => bytesOf(formatJsonl(records));

const recordWords = [
  'id',
  'pair',
  'label',
  'retract',
  'left',
  'tie',
  'bothBad',
  'shownLeft',
  'images',
  'file',
  'latentsFile',
  'schedulerConfig',
  'init',
  'adapters',
  'run',
  '2026-01-01T00:00:00.000Z',
];

function readAs<T>(kind: RecordKind<T>, files: Files): T[] {
  const { records } = readRecordLines(decodeText(only(files), 'x.jsonl'), kind, 'x.jsonl');
  const again = readRecordLines(formatJsonl(records), kind, 'again').records;
  check(same(again, JSON.parse(JSON.stringify(records))), 'records change when they are read again');
  return records;
}

const image = imageRecord('i', {
  model: {
    base: 'postcard',
    adapters: [
      { kind: 'run', run: 'r', step: 2, strength: 1 },
      { kind: 'file', file: 'loras/a', strength: 0.5 },
    ],
  },
  init: { file: 'init/a.png', strength: 0.5 },
  eta: 0.1,
  guidanceRescale: 0.7,
  schedulerConfig: { use_karras_sigmas: true },
});
const events = [
  labelEvent('a', 'p'),
  { type: 'retract', id: 'b', label: 'a', at: '2026-01-01T00:00:00.000Z' },
  labelEvent('c', 'p'),
  { ...labelEvent('d', 'q'), answer: 'tie' },
];
const blindTest = {
  version: 1,
  id: 'b',
  a: { title: 'A', model: image.model },
  b: { title: 'B', model: image.model },
  questions: ['general', 'appeal'],
  planned: 2,
  rounds: [
    {
      prompt: 'a',
      seed: 1,
      images: { a: image, b: imageRecord('j') },
      shownLeft: 'a',
      answers: [{ question: 'general', answer: 'left', elapsedMs: 10, at: '2026-01-01T00:00:00.000Z' }],
    },
  ],
  createdAt: '2026-01-01T00:00:00.000Z',
};

const run = testRun({
  checkpoints: [{ step: 2, file: 'checkpoints/2.safetensors', at: '2026-01-01T00:00:00.000Z' }],
  samples: [{ step: 2, prompt: 'a', seed: 1, file: 'samples/2-0.png' }],
  sources: { model: { unet: '0'.repeat(64) }, pairs: [{ winner: '1'.repeat(64), loser: '2'.repeat(64) }] },
  error: 'x',
});
const step = {
  step: 0,
  loss: 0.69,
  implicitAccuracy: null,
  logit: 0,
  winnerError: 1,
  loserError: 1,
  winnerReferenceError: 1,
  loserReferenceError: 1,
  gradNorm: 1,
  learningRate: 1,
  elapsedMs: 5,
  pairs: [{ pair: 'p', timestep: 5, logit: 0, mw: 1, ml: 1, rw: 1, rl: 1, preference: 1 }],
};

async function readRunFolder(files: Files): Promise<void> {
  const store = new MemoryFileStore();
  for (const [name, bytes] of Object.entries(files)) await store.write(`runs/r/${name}`, bytes);
  parseMetrics(textOf(files['metrics.jsonl'] ?? new Uint8Array()));
  // One that cannot be read is one bad run, not an empty list.
  const { runs, unreadable } = await listRuns(store);
  check(runs.length + unreadable.length === (Object.keys(files).length > 0 ? 1 : 0), 'a run that is in no list');
  const record = await readRun(store, 'r');
  allFinite(record.config);
  for (const { file } of [...record.checkpoints, ...record.samples])
    check(/^runs\/r\/(checkpoints|samples)\/[^/]+$/.test(file), `${file} lies outside`);
  await writeRun(store, record);
  check(
    same(await readRun(store, 'r'), JSON.parse(JSON.stringify(record))),
    'the record changes when it is read again',
  );
}

// What a run of two small layers saves.
const trained = [
  { name: 'a.lora_down.weight', shape: [1, 8] },
  { name: 'a.lora_up.weight', shape: [8, 1] },
];
const layout = layoutArenas(trained, 64);
const tensors = (prefixes: readonly string[]): Parameters<typeof writeSafetensors>[0] =>
  Object.fromEntries(
    prefixes.flatMap((prefix) =>
      trained.map(({ name, shape }) => [`${prefix}.${name}`, { shape, data: new Float32Array(8).fill(0.5) }]),
    ),
  );
const arena = { shape: [64], data: new Float32Array(64) };

/** Of a run that has not gone back, nothing is read of it. */
const model = { folder: {} } as Parameters<typeof restoreState>[3];

async function readState(files: Files): Promise<void> {
  const store = new MemoryFileStore();
  await store.write('runs/r/state.safetensors', only(files));
  let restored = 0;
  const trainer = {
    spec: { layout },
    restore: (_: unknown, name: string, data: Float32Array) => {
      check(data.length === 8, `${name} has ${data.length} numbers`);
      restored++;
    },
  };
  const at = await restoreState(store, testRun(), trainer, model);
  check(at !== null && Number.isInteger(at) && restored === 6, `step ${at}, ${restored} tensors`);
}

async function readSettings(files: Files): Promise<void> {
  const store = new MemoryFileStore();
  for (const [name, bytes] of Object.entries(files)) await store.write(`settings/${name}`, bytes);
  const choices = await savedChoices(store, 'a');
  if (choices) check(['engine', 'onnx-webgpu', 'onnx-wasm'].includes(choices.sampler), 'a sampler that is none');
  const tuning = await savedTuning(store, 'a');
  if (tuning)
    check(
      Object.values(tuning.variants).every((names) => typeof names === 'string'),
      'a variant that is none',
    );
  const rate = await savedRunRate(store, 'a', 'engine');
  check(rate === undefined || (rate > 0 && Number.isFinite(rate)), `a rate of ${rate}`);
}

async function readStoredModels(files: Files): Promise<void> {
  const store = new MemoryFileStore();
  await store.write('models/m/model.json', only(files));
  await store.write('models/m/unet/config.json', bytesOf('{}'));
  const models = new ModelStore(store);
  // Whatever one record says, the list of all stands.
  const [model] = await models.list();
  check(
    model?.id === 'm' && Number.isFinite(model.totalBytes) && Number.isFinite(model.presentBytes),
    'a model that is in no list',
  );
  await models.freeId('M', []);
  const reader = models.reader('m');
  check(
    (await reader.list()).every((path) => typeof path === 'string'),
    'a path that is none',
  );
  await reader.read('unet/config.json');
}

/** Through the disk, as the command line has it: what is read stays there when more is appended. */
function readOnDisk(files: Files): void {
  const folder = mkdtempSync(join(tmpdir(), 'winnow-torture-'));
  const file = join(folder, 'labels.jsonl');
  try {
    writeFileSync(file, only(files));
    const before = readRecords(file, labelKind);
    appendRecords(file, [labelEvent('new', 'p')]);
    const after = readRecords(file, labelKind);
    check(same(after.slice(0, before.length), before), 'records are lost by appending');
    check(after.length === before.length + 1, `${after.length} records after ${before.length} and one`);
    appendFileSync(file, '{"cut": ');
    check(readRecords(file, labelKind).length === after.length, 'a cut line counts');
    check(readFileSync(file).length > 0, 'the file is gone');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const recordReaders: readonly Reader[] = [
  {
    name: 'labels',
    sources: ['records/labels', 'records/kinds', 'data/labels', 'data/formats/jsonl'],
    words: recordWords,
    seeds: (): Files[] => [{ 'labels.jsonl': lines(...events) }],
    read(files) {
      const { byPair } = foldLabels(readAs(labelKind, files));
      allFinite(countLabels(byPair));
      trainPairs([pairRecord('p')], byPair, 'sigmoid');
      trainPairs([pairRecord('p')], byPair, 'soft');
    },
  },
  {
    name: 'images',
    sources: ['records/images', 'records/modelRef', 'shared/paths'],
    words: recordWords,
    seeds: (): Files[] => [{ 'images.jsonl': lines(image, imageRecord('k')) }],
    read(files) {
      for (const record of readAs(imageKind, files)) {
        withoutPaths(record);
        check(!/^[\\/]|(^|[\\/])\.\.([\\/]|$)/.test(record.file), `${record.file} leads out`);
      }
    },
  },
  {
    name: 'pairs',
    sources: ['records/pairs', 'data/pairs'],
    words: recordWords,
    seeds: (): Files[] => [{ 'pairs.jsonl': lines(pairRecord('p'), pairRecord('q', { origin: 'models' })) }],
    read: (files) => void readAs(pairKind, files),
  },
  {
    name: 'blind-tests',
    sources: ['records/blindTests'],
    words: recordWords,
    seeds: (): Files[] => [{ 'blind.jsonl': lines(blindTest) }],
    read: (files) => void readAs(blindTestKind, files),
  },
  {
    name: 'records-on-disk',
    sources: ['cli/records'],
    words: recordWords,
    seeds: (): Files[] => [{ 'labels.jsonl': lines(...events) }],
    read: readOnDisk,
    share: 0.01,
  },
  {
    name: 'runs',
    sources: ['data/runs'],
    words: [
      ...recordWords,
      'runs/r/checkpoints/1',
      'samples/../x',
      'config',
      'sidePreference',
      'soft',
      'recompute',
      'status',
    ],
    seeds: (): Files[] => [
      { 'run.json': json(run), 'metrics.jsonl': lines(step, { ...step, step: 1, loss: null }) },
      { 'run.json': json({ ...testRun(), config: { ...testRun().config, loss: 'soft', sidePreference: undefined } }) },
    ],
    read: readRunFolder,
    share: 0.3,
  },
  {
    name: 'states',
    sources: ['service/training/checkpoint'],
    words: ['step', 'version', '1', '2', 'param.', 'exp_avg.', 'adam.m.0', 'adam.v.1', 'a.lora_up.weight'],
    seeds: (): Files[] => [
      {
        'state.safetensors': writeSafetensors(tensors(['param', 'exp_avg', 'exp_avg_sq']), {
          run: 'r',
          step: '2',
          version: '2',
        }),
      },
      {
        'state.safetensors': writeSafetensors(
          { ...tensors(['param']), 'adam.m.0': arena, 'adam.m.1': arena, 'adam.v.0': arena, 'adam.v.1': arena },
          { run: 'r', step: '2' },
        ),
      },
    ],
    read: readState,
  },
  {
    name: 'settings',
    sources: ['service/training/stepRate', 'service/choices', 'service/tunedKernels'],
    words: ['version', 'rates', 'a | engine', 'sampler', 'onnx-wasm', 'kernelVariants', 'failures', 'variants', 'left'],
    seeds: (): Files[] => [
      {
        'choices-a.json': json(run.choices),
        'kernels-a.json': json({
          variants: { gemm: 'tile workgroup' },
          measuredMs: { 'gemm tile': 2 },
          failures: {},
          flopsPerSecond: 1e9,
          left: ['attention'],
        }),
        'speed.json': json({ version: 2, rates: { 'a | engine': 1e9 } }),
      },
    ],
    read: readSettings,
  },
  {
    name: 'stored-models',
    sources: ['data/modelStore'],
    words: ['files', 'path', 'size', 'sha256', 'unet/config.json', 'expected', 'gitSha1', 'hub', 'version'],
    seeds: (): Files[] => [
      {
        'model.json': json({
          version: 1,
          title: 'M',
          source: 'hub',
          origin: 'https://huggingface.co/a/b@0123',
          predictionType: 'epsilon',
          files: [
            {
              path: 'unet/config.json',
              size: 2,
              sha256: '0'.repeat(64),
              expected: { gitSha1: '0'.repeat(40) },
              etag: 'x',
            },
          ],
          addedAt: '2026-01-01T00:00:00.000Z',
        }),
      },
      { 'model.json': json({ version: 1, title: 'M', source: 'disk', files: [{ path: 'a', size: 2 }], addedAt: '' }) },
    ],
    read: readStoredModels,
  },
];
