/** What the page runs before its first screen, as one chunk: cut by what else imports it, it came as thirty, each compressed by itself. */
import { fileURLToPath } from 'node:url';

interface Modules {
  getModuleInfo(id: string): { importedIds: readonly string[] } | null;
}

/** A group of rolldown's `codeSplitting`: all that is imported, not asked for later, from a module on.
 *  @param entry relative to this file. */
export function firstChunk(name: string, entry: string): { name(id: string, modules: Modules): string | null } {
  const start = fileURLToPath(new URL(entry, import.meta.url));
  let first: Set<string> | undefined;
  return {
    name(id, modules) {
      first ??= importedFrom(start, modules);
      return first.has(id) && !id.includes('node_modules') ? name : null;
    },
  };
}

function importedFrom(start: string, modules: Modules): Set<string> {
  const found = new Set<string>();
  const open = [start];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    open.push(...(modules.getModuleInfo(id)?.importedIds ?? []));
  }
  return found;
}
