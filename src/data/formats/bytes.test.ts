import { mkdtempSync, openAsBlob, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { byteRanges, readBlob } from './bytes.ts';

it.each([
  ['deleted', (path: string) => rmSync(path)],
  ['changed', (path: string) => writeFileSync(path, 'other bytes')],
])('says by name that a file was %s since it was chosen', async (_, change) => {
  const path = join(mkdtempSync(join(tmpdir(), 'winnow-')), 'file');
  writeFileSync(path, 'bytes');
  const blob = await openAsBlob(path);
  expect(Buffer.from(await byteRanges(blob).read(1, 3)).toString()).toBe('yt');
  change(path);
  for (const read of [byteRanges(blob).read(1, 3), readBlob(blob)])
    await expect(read).rejects.toMatchObject({ name: 'NotFound' });
});
