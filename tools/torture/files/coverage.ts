/** Which branches of the sources were reached, by V8's own counters: blocks of the built module, found again in the sources by its map. */
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { SourceMap } from 'node:module';

/** A block of a source, with how often it ran. */
export interface Block {
  /** Below src/, without the ending. */
  source: string;
  from: number;
  to: number;
  ran: boolean;
}

export class Coverage {
  private readonly session = new Session();

  async start(): Promise<void> {
    this.session.connect();
    await this.session.post('Profiler.enable');
    await this.session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Of all modules below `folder`, which have their maps beside them. */
  async blocks(folder: string): Promise<Block[]> {
    const { result } = await this.session.post('Profiler.takePreciseCoverage');
    return result
      .filter(({ url }) => url.includes(folder))
      .flatMap(({ url, functions }) => {
        const path = new URL(url);
        const places = new Places(readFileSync(path, 'utf8'), readFileSync(new URL(`${url}.map`), 'utf8'));
        return functions.flatMap(({ ranges }) =>
          ranges.flatMap(({ startOffset, endOffset, count }) => {
            const from = places.of(startOffset);
            const to = places.of(endOffset);
            return from && to && from.source === to.source
              ? [{ source: from.source, from: from.line, to: to.line, ran: count > 0 }]
              : [];
          }),
        );
      });
  }
}

class Places {
  private readonly starts: number[] = [0];
  private readonly map: SourceMap;

  constructor(text: string, map: string) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.starts.push(at + 1);
    this.map = new SourceMap(JSON.parse(map) as ConstructorParameters<typeof SourceMap>[0]);
  }

  of(offset: number): { source: string; line: number } | undefined {
    let [low, high] = [0, this.starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.starts[middle]! <= offset) low = middle;
      else high = middle;
    }
    const entry = this.map.findEntry(low, offset - this.starts[low]!);
    if (!('originalSource' in entry)) return undefined;
    const source = /\/src\/(.+)\.tsx?$/.exec(entry.originalSource)?.[1];
    return source === undefined ? undefined : { source, line: entry.originalLine + 1 };
  }
}

/** Branches of one source that ran, of how many, and the lines of those that did not. */
export function summary(blocks: readonly Block[], source: string): { ran: number; all: number; missed: string[] } {
  const own = new Map<string, Block>();
  for (const block of blocks) {
    if (block.source !== source) continue;
    const key = `${block.from}-${block.to}`;
    own.set(key, { ...block, ran: block.ran || (own.get(key)?.ran ?? false) });
  }
  const missed = [...own.values()].filter(({ ran }) => !ran).sort((a, b) => a.from - b.from);
  return {
    ran: own.size - missed.length,
    all: own.size,
    missed: missed.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)),
  };
}
