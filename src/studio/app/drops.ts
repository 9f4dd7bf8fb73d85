/** Files dropped on the window. Listened for from the first moment on: what takes them is a part that comes later, and without a listener the browser
 *  would open a file in the page's place. */

export interface Dropped {
  files: File[];
  /** Of each file; known during the event alone. A folder has no other way in. */
  entries: (FileSystemEntry | null)[];
}

const waiting: Dropped[] = [];
let taker: ((dropped: Dropped) => void) | null = null;

export const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;

addEventListener('dragover', (event) => {
  if (hasFiles(event)) event.preventDefault();
});

addEventListener('drop', (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  const dropped = {
    files: [...event.dataTransfer!.files],
    entries: [...event.dataTransfer!.items].map((item) => item.webkitGetAsEntry()),
  };
  if (taker) taker(dropped);
  else waiting.push(dropped);
});

/** What was dropped before comes at once. @returns what ends it. */
export function takeDrops(take: (dropped: Dropped) => void): () => void {
  taker = take;
  for (const dropped of waiting.splice(0)) take(dropped);
  return () => {
    if (taker === take) taker = null;
  };
}
