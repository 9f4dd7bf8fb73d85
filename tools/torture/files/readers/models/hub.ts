/** What a hub answers. */
import { openRepository } from '../../../../../src/data/hub/repository.ts';
import type { Files } from '../../mutate.ts';
import { check, json, type Reader } from '../reader.ts';

/** A hub that answers with these. */
async function askHub(files: Files): Promise<void> {
  const access = {
    fetch: async (url: string | URL | Request) => {
      const body = files[String(url).includes('/tree/') ? 'tree.json' : 'model.json'];
      return new Response(body ? new Uint8Array(body) : '{}', { status: 200 });
    },
    sleep: async () => {},
    stallMs: 60_000,
  };
  const job = { check: () => {}, aborted: new AbortController().signal };
  const { files: found, commit } = await openRepository(access as never, job, { id: 'owner/name' });
  check(/^[0-9a-f]+$/i.test(commit), `a commit ${commit}`);
  for (const { path, size } of found)
    check(typeof path === 'string' && Number.isSafeInteger(size), 'a file that is none');
}

export const hubReader: Reader = {
  name: 'hub',
  sources: ['data/hub/repository'],
  words: ['sha', 'type', 'file', 'directory', 'path', 'size', 'oid', 'lfs'],
  seeds: (): Files[] => [
    {
      'model.json': json({ sha: '0123456789abcdef0123456789abcdef01234567' }),
      'tree.json': json([
        { type: 'directory', path: 'unet', size: 0, oid: '' },
        { type: 'file', path: 'a.json', size: 3, oid: '0'.repeat(40) },
        {
          type: 'file',
          path: 'b.safetensors',
          size: 300,
          oid: '0'.repeat(40),
          lfs: { oid: '1'.repeat(64), size: 300 },
        },
      ]),
    },
  ],
  read: askHub,
  share: 0.3,
};
