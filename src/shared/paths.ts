/** Paths of any system, as far as others may know of them. */

/** The last part of a path: what may be told of where something lies. `C:\Users\me\x`, `\\server\share\x`, `file:///home/me/x`, `~/x` and
 *  `/home/me/x` are all `x`. */
export function nameOf(path: string): string {
  const last = path.split(/[\\/]/).findLast(Boolean) ?? '';
  return last.replace(/^[A-Za-z]:/, '') || 'unnamed';
}

/** Whether a path is one inside a file store, which says nothing of the computer it lies on. */
export const isInStore = (path: string): boolean => !/[\\~]|^\/|^[A-Za-z][A-Za-z0-9+.-]*:|(^|\/)\.\.?(\/|$)/.test(path);
