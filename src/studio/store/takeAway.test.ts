/** The report that a person takes away: the pictures that were judged are inside it, under what was said of them. */
import { afterEach, expect, it, vi } from 'vitest';
import type { BlindRound, BlindTestRecord } from '../../data/blindTests.ts';
import { imageRecord } from '../../records/testRecords.ts';
import { exportReport } from './takeAway.ts';
import { closeStudio, openStudio } from './testStudio.ts';

afterEach(closeStudio);

const model = { base: 'm', adapters: [] };

/** A bundled picture: it comes from the site, there being no files here. */
const bundled = (name: string) => imageRecord(name, { file: `pairs/${name}.png` });

const round = (prompt: string, shownLeft: 'a' | 'b', answer: 'left' | 'tie'): BlindRound => ({
  prompt,
  seed: 1,
  shownLeft,
  images: { a: bundled(`${prompt}-a`), b: bundled(`${prompt}-b`) },
  answers: [{ question: 'general', answer, elapsedMs: 1, at: '' }],
});

const test: BlindTestRecord = {
  version: 1,
  id: 'test',
  a: { title: 'the base', model },
  b: { title: 'PickScore taste', model },
  questions: ['general'],
  planned: 3,
  rounds: [round('cat', 'a', 'left'), round('dog', 'a', 'tie'), round('gone', 'b', 'left')],
  createdAt: '2026-01-01T00:00:00.000Z',
};

const bytesOf = (path: string): Uint8Array<ArrayBuffer> => Uint8Array.from(path, (char) => char.charCodeAt(0));

it('holds the pictures of a blind test, each below its model, and a gap where one is gone', async () => {
  await openStudio({ state: { blindTests: [test] } });
  vi.stubGlobal('fetch', async (url: string) =>
    url.includes('gone') ? new Response(null, { status: 404 }) : new Response(bytesOf(url.replace(/^.*pairs\//, ''))),
  );
  const { name, bytes } = await exportReport(undefined);
  expect(name).toBe('winnow-report-Comparison.html');
  const html = String(bytes);
  const table = /<table class="images">(.*?)<\/table>/.exec(html)![1]!;
  expect(/<thead>(.*?)<\/thead>/.exec(table)![1]!.match(/(?<=<th scope="col">)[^<]+/g)).toEqual([
    'the base',
    'PickScore taste',
  ]);
  const rows = /<tbody>(.*)<\/tbody>/.exec(table)![1]!.split('</tr>').slice(0, -1);
  const seen = rows.map((row) =>
    [...row.matchAll(/<td>(.*?)<\/td>/g)].map(([, cell]) => {
      const encoded = /base64,([^"]+)/.exec(cell!)?.[1];
      return [encoded ? atob(encoded) : '', /<figcaption>(.*?)<\/figcaption>/.exec(cell!)?.[1] ?? ''];
    }),
  );
  expect(seen).toEqual([
    [
      ['cat-a.png', 'chosen: Which do you prefer?'],
      ['cat-b.png', ''],
    ],
    [
      ['dog-a.png', ''],
      ['dog-b.png', ''],
    ],
    [
      ['', ''],
      ['', ''],
    ],
  ]);
  expect(html).toContain('PickScore taste won 1 of 2, with one tie set aside');
});
