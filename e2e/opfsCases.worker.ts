/** Runs the rows of src/data/fileStoreCases.ts on the browser's private file system, in a worker or on a page, and posts what each gave. */
import { fileStoreCases } from '../src/data/fileStoreCases.ts';
import { openOpfsStore } from '../src/data/opfs.ts';

export async function runCases(where: string): Promise<{ name: string; got: unknown; gives: unknown }[]> {
  const results = [];
  for (const [i, { name, run, gives }] of fileStoreCases.entries())
    results.push({ name, got: await run(await openOpfsStore(`cases-${where}-${i}`)), gives });
  return results;
}

if (typeof document === 'undefined') {
  runCases('worker').then(
    (results) => postMessage(results),
    (error: unknown) => postMessage(String(error)),
  );
}
