/** What a page finds in the browser's private file system and in its database, read and written in the page. */
import type { PipedPage } from './browser.ts';
import type { smallPairs } from './smallRun.ts';

/** Runs in the page. */
const helpers = `
  const root = async () => (await navigator.storage.getDirectory()).getDirectoryHandle('winnow', { create: true });
  const folderOf = async (path, create) => {
    let folder = await root();
    for (const part of path.split('/').filter(Boolean)) folder = await folder.getDirectoryHandle(part, { create });
    return folder;
  };
  const base64 = (bytes) => {
    let text = '';
    for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return btoa(text);
  };
  const below = async (folder, path, into, read) => {
    for await (const [name, entry] of folder.entries()) {
      if (entry.kind === 'directory') await below(entry, path + name + '/', into, read);
      else into.push([path + name, await read(await entry.getFile())]);
    }
    return into;
  };
`;

/** Every file below a folder, parts too, by its path in it; none where there is no such folder. */
export async function readFolder(page: PipedPage, folder: string): Promise<Map<string, Uint8Array>> {
  const found = await page.evaluate<[string, string][]>(`(async () => { ${helpers}
    const folder = await folderOf(${JSON.stringify(folder)}, false).catch(() => null);
    return folder ? below(folder, '', [], async (file) => base64(new Uint8Array(await file.arrayBuffer()))) : [];
  })()`);
  return new Map(found.map(([path, text]) => [path, new Uint8Array(Buffer.from(text, 'base64'))]));
}

/** Pairs as the studio keeps those that were made here, all judged. */
export async function putPairs(
  page: PipedPage,
  { pairs, labels, files }: ReturnType<typeof smallPairs>,
): Promise<void> {
  const encoded = [...files].map(([path, bytes]) => [path, Buffer.from(bytes).toString('base64')]);
  await page.evaluate(`(async () => { ${helpers}
    for (const [path, text] of ${JSON.stringify(encoded)}) {
      const parts = path.split('/');
      const folder = await folderOf(parts.slice(0, -1).join('/'), true);
      const stream = await (await folder.getFileHandle(parts.at(-1), { create: true })).createWritable();
      await stream.write(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
      await stream.close();
    }
    const db = await new Promise((resolve, reject) => {
      const opening = indexedDB.open('winnow');
      opening.onsuccess = () => resolve(opening.result);
      opening.onerror = () => reject(opening.error);
    });
    const writing = db.transaction(['pairs', 'labels'], 'readwrite');
    for (const pair of ${JSON.stringify(pairs)}) writing.objectStore('pairs').put(pair);
    for (const label of ${JSON.stringify(labels)}) writing.objectStore('labels').put(label);
    await new Promise((resolve, reject) => {
      writing.oncomplete = resolve;
      writing.onerror = () => reject(writing.error);
    });
    db.close();
  })()`);
}
