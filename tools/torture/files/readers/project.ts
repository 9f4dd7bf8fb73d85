/** A project file: its list of contents, and the zip from the first byte to what it would bring. */
import 'fake-indexeddb/auto';
import { createHash } from 'node:crypto';
import { zipSync } from 'fflate';
import { openDatabase } from '../../../../src/data/db.ts';
import { formatJsonl } from '../../../../src/data/formats/jsonl.ts';
import { MANIFEST, parseManifest, type ProjectManifest } from '../../../../src/data/project/manifest.ts';
import { checkProject } from '../../../../src/data/project/restore.ts';
import { imageRecord, labelEvent, pairRecord } from '../../../../src/records/testRecords.ts';
import { MemoryFileStore } from '../../../../src/service/memoryFiles.ts';
import { testRun } from '../../../../src/service/testRuns.ts';
import { bytesOf, type Files } from '../mutate.ts';
import { allFinite, check, json, only, type Reader } from './reader.ts';

const contents = (): Files => ({
  'settings.json': json({ 'winnow.preferences': '{"smoothing":0.5}' }),
  'records/labels-0000.jsonl': bytesOf(formatJsonl([labelEvent('a', 'p')])),
  'records/pairs-0000.jsonl': bytesOf(formatJsonl([pairRecord('p')])),
  'records/images-0000.jsonl': bytesOf(formatJsonl([imageRecord('i')])),
  'files/images/i.png': bytesOf('a picture'),
  'files/runs/r/run.json': json(testRun()),
  'files/runs/r/state.safetensors': bytesOf('moments'),
});

const manifestOf = (files: Files): ProjectManifest => ({
  winnow: 'project',
  version: 1,
  savedAt: '2026-01-01T00:00:00.000Z',
  counts: { labels: 1, pairs: 1, images: 1, blindTests: 0, runs: 1 },
  entries: Object.entries(files).map(([path, bytes]) => ({
    path,
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  })),
  models: [
    {
      id: 'm',
      title: 'A model',
      included: false,
      files: [{ path: 'unet/x.safetensors', size: 3, sha256: '0'.repeat(64) }],
    },
  ],
});

const zipOf = (files: Files, level: 0 | 6): Uint8Array =>
  zipSync({ ...files, [MANIFEST]: json(manifestOf(files)) }, { level });

const leadsOut = (path: string): boolean => path.startsWith('/') || path.split(/[\\/]/).includes('..');

export const projectReaders: readonly Reader[] = [
  {
    name: 'projects',
    sources: ['data/project/restore'],
    words: ['PK\x03\x04', 'PK\x01\x02', 'PK\x05\x06', 'winnow-project.json', 'records/', 'files/', 'run.json'],
    seeds: (): Files[] => [{ 'mine.zip': zipOf(contents(), 0) }, { 'mine.zip': zipOf(contents(), 6) }],
    async read(files) {
      const place = { files: new MemoryFileStore(), db: await openDatabase('torture') };
      try {
        const blob = new Blob([only(files) as Uint8Array<ArrayBuffer>]);
        const project = await checkProject(blob, 'mine.zip', place);
        allFinite({ bytes: project.bytes, runs: project.runs, same: project.same });
        check(!project.files.some(({ path }) => leadsOut(path)), 'a file that leads out');
      } finally {
        place.db.close();
      }
    },
    share: 0.3,
  },
  {
    name: 'contents of projects',
    sources: ['data/project/manifest'],
    words: ['winnow', 'project', 'version', 'entries', 'path', 'sha256', '../', 'files/images/', 'models', 'included'],
    seeds: (): Files[] => [{ 'winnow-project.json': json(manifestOf(contents())) }],
    read(files) {
      const { entries, models } = parseManifest(only(files), 'mine.zip');
      check(
        ![...entries, ...models.flatMap((one) => one.files)].some(({ path }) => leadsOut(path)),
        'a path that leads out',
      );
      allFinite(entries.map(({ size }) => size));
    },
  },
];
