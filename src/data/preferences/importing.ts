/** An import: comparison by comparison into a sink, in batches that are whole or not there. What was done is kept beside (its state), so that the
 *  same import goes on where it stopped. */
import { z } from 'zod';
import type { LabelEvent } from '../../records/labels.ts';
import type { PairRecord, PairSizing } from '../../records/pairs.ts';
import { isWinnowError, WinnowError } from '../../shared/errors.ts';
import { parseJson } from '../../shared/json.ts';
import { filesOf } from '../../records/foreignImages.ts';
import type { Found, PreferenceSet } from './open.ts';
import { type OwnData, Refused } from './preference.ts';
import { isLabel, labelsOf, makeHasher, signedBy, type Stored, storedOf } from './storing.ts';
import { type Counts, isSorted, Tally } from './tally.ts';

/** Where an import goes: a pairs folder under Node, the database and OPFS in the studio. */
export interface PreferenceSink {
  /** A file by its path in the store, whole or not at all; nothing happens if it is there already. It need not be on the disk before `add` has
   *  resolved. */
  file(path: string, bytes: Uint8Array): Promise<void>;
  /** Pairs and what was said of them, on the disk when it resolves, and the files that were given before with them. Both may be empty. */
  add(pairs: readonly PairRecord[], events: readonly LabelEvent[]): Promise<void>;
  /** What is there already: of this import, which was cut off, and of others, whose pairs need not come twice.
   *  @param at when this import began. */
  kept(at: string): AsyncIterable<{ pair: PairRecord; ofOthers?: boolean } | { event: LabelEvent }>;
  /** The import's own state; undefined if there is none. */
  readState(): Promise<Uint8Array | undefined>;
  writeState(text: string): Promise<void>;
}

export interface ImportOptions {
  /** Of comparisons, refused ones among them. */
  skip?: number | undefined;
  limit?: number | undefined;
  /** One name for all labels that came. */
  rater?: string | undefined;
  /** How pictures are to be sized where they train. */
  sizing?: PairSizing | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: (progress: ImportProgress) => void;
  now?: Date;
}

export interface ImportProgress {
  /** Comparisons that were looked at; of how many, if that is known. */
  done: number;
  total: number | null;
  pairs: number;
  refused: number;
}

export interface RefusedRow {
  row: number;
  reason: string;
  file: string;
}

export interface Imported extends Counts {
  format: string;
  refused: RefusedRow[];
  /** Refused rows beyond those that are listed. */
  more: number;
}

/** Pairs that are added together. */
const BATCH = 32;
const BATCH_BYTES = 32 * 2 ** 20;
/** Refused rows that are listed. */
const MAX_REFUSED = 100_000;

const stateSchema = z.looseObject({
  version: z.literal(1),
  at: z.string(),
  /** Comparisons that were dealt with. */
  done: z.int().min(0),
  /** Pairs that it added. */
  added: z.int().min(0),
  /** Where it has come to its end. */
  result: z.object({ pairs: z.int(), usable: z.int(), ties: z.int(), raters: z.int(), prompts: z.int() }).optional(),
  refused: z.array(z.looseObject({ row: z.int(), reason: z.string(), file: z.string() })),
  more: z.int().min(0),
});
type State = z.infer<typeof stateSchema>;

/** Resolves when all is stored. Rejects with Cancelled where the signal aborts, with NoDiskSpace, or with what is wrong with a file; what was
 *  stored before is whole, and the same import goes on from there. */
export async function importPreferences(
  set: PreferenceSet,
  sink: PreferenceSink,
  { skip = 0, limit = Infinity, rater, sizing, signal, onProgress = () => {}, now = new Date() }: ImportOptions = {},
): Promise<Imported> {
  const hasher = await makeHasher();
  const tally = new Tally(hasher);
  let state = await openState(sink, now);
  const events: LabelEvent[] = [];
  for await (const kept of sink.kept(state.at))
    if ('pair' in kept) tally.addPair(kept.pair, !kept.ofOthers);
    else events.push(kept.event);
  // What somebody has thrown away since comes again.
  if (tally.counted < state.added) state = fresh(now);
  if (state.result) return { ...state.result, format: set.format.name, refused: state.refused, more: state.more };
  tally.addKept(events);
  const batch = new Batch(sink, state);
  const total = set.rows === null ? null : Math.min(limit, Math.max(0, set.rows - skip));
  const tell = (): void =>
    onProgress({ done: state.done, total, pairs: tally.counted, refused: state.refused.length + state.more });
  const refuse = (found: Found, reason: string): void => {
    const { file } = set.sources[found.source]!;
    if (state.refused.length < MAX_REFUSED) state.refused.push({ row: found.row, reason, file });
    else state.more++;
  };
  const by = (given: string | undefined): string => signedBy(rater ?? given);
  try {
    for await (const found of set.read({ skip: skip + state.done, limit: limit - state.done, signal })) {
      if (signal?.aborted) break;
      try {
        if (found.refused !== undefined) throw new Refused(found.refused);
        const origin = { format: set.format.name, file: set.sources[found.source]!.file, row: found.row, at: state.at };
        const { comparison } = found;
        const stored = comparison.own
          ? await ownStored(comparison.own, rater)
          : comparison.ofPair !== undefined && tally.known(comparison.ofPair)
            ? labelsOf(comparison.ofPair, comparison.votes, origin, hasher, by)
            : await storedOf(comparison, origin, hasher, by);
        if (stored.pair) Object.assign(stored.pair, { ...(sizing && { sizing }), importedAt: state.at });
        await batch.take(stored, tally);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        refuse(found, error.message);
      }
      state.done++;
      if (batch.isFull) {
        await batch.flush();
        tell();
      }
    }
  } catch (error) {
    // What is whole is kept, whatever ended it.
    if (!isWinnowError(error, 'NoDiskSpace')) await batch.flush();
    if (!signal?.aborted) throw error;
  }
  if (signal?.aborted) {
    await batch.flush();
    throw new WinnowError(
      'Cancelled',
      `The import was stopped after ${state.done} rows; ${tally.counted} pairs are stored.`,
      'The same import goes on from there.',
    );
  }
  state.result = tally.counts();
  await batch.flush(true);
  tell();
  return { ...state.result, format: set.format.name, refused: state.refused, more: state.more };
}

/** Read whole to name an import; of larger files, and of those at an address, only both ends. */
const MARKED_BYTES = 64 * 2 ** 20;
const END_BYTES = 2 ** 18;

/** Names an import by its files and all that was asked for: one of the same name goes on where it stopped, one of another is another. */
export async function importName(
  { request, sources }: PreferenceSet,
  { skip, limit, rater, sizing }: ImportOptions = {},
): Promise<string> {
  const hasher = await makeHasher();
  const files: unknown[] = [];
  for (const { place, file, table } of sources) {
    const found = table.mark === undefined ? await place.open(file) : undefined;
    const ends = found && (place.remote || found.size > MARKED_BYTES) ? END_BYTES : Infinity;
    const read = async (start: number, end: number): Promise<string> => hasher.of(await found!.read(start, end));
    const marks = !found
      ? [hasher.of(table.mark ?? '')]
      : found.size <= 2 * ends
        ? [await read(0, found.size)]
        : [await read(0, ends), await read(found.size - ends, found.size)];
    files.push([file, table.bytes, ...marks]);
  }
  return hasher.of(JSON.stringify([request, { skip, limit, rater, sizing }, files])).slice(0, 16);
}

const fresh = (now: Date): State => ({ version: 1, at: now.toISOString(), done: 0, added: 0, refused: [], more: 0 });

async function openState(sink: PreferenceSink, now: Date): Promise<State> {
  const bytes = await sink.readState();
  if (!bytes) return fresh(now);
  const kept = stateSchema.safeParse(parseJson(bytes, { file: 'The state of the import' }));
  if (kept.success) return kept.data;
  throw new WinnowError('BadFile', 'The state of the import is damaged.', 'Import into another place.');
}

/** Our own records stay as they are; of labels without a name, whose they are may be said. */
async function ownStored({ pair, events, open }: OwnData, rater: string | undefined): Promise<Stored> {
  const files = new Map<string, Uint8Array>();
  for (const file of pair.images.flatMap(filesOf)) {
    const found = await open(file);
    if (!found) throw new Refused(`its file is not there (${file})`);
    files.set(file, await found.read(0, found.size));
  }
  const named = events.map((event) =>
    isLabel(event) && rater !== undefined && (event.by === 'person' || event.by === 'import')
      ? { ...event, by: `${event.by}:${rater}` }
      : event,
  );
  return { id: pair.id, pair: { ...pair }, events: named, files };
}

class Batch {
  private pairs: PairRecord[] = [];
  private events: LabelEvent[] = [];
  private bytes = 0;
  private readonly sink: PreferenceSink;
  private readonly state: State;
  private written = -1;

  constructor(sink: PreferenceSink, state: State) {
    this.sink = sink;
    this.state = state;
  }

  get isFull(): boolean {
    return (
      this.pairs.length + this.events.length / 4 >= BATCH ||
      this.bytes >= BATCH_BYTES ||
      this.state.done - this.written >= 4096
    );
  }

  /** Throws Refused for what another row has given already. */
  async take({ id, pair, events, files }: Stored, tally: Tally): Promise<void> {
    const known = tally.known(id);
    const turned = known !== undefined && pair !== undefined && known.sorted !== isSorted(pair);
    const fresh = events
      // Of a pair that is there with its pictures the other way round.
      .map((event) => (turned && isLabel(event) ? { ...event, shownLeft: (1 - event.shownLeft) as 0 | 1 } : event))
      .filter((event) => !tally.isKept(event) && !(known && isLabel(event) && tally.isKnownAnswer(event)));
    // What was added and not yet counted when an import was cut off is no second of its kind.
    if (known && fresh.length === 0 && !(known.counts && events.some((event) => tally.isKept(event))))
      throw new Refused(known.counts ? `it is the same as row ${known.row}` : 'it is there already');
    if (!known && pair) {
      for (const [path, bytes] of files) {
        await this.sink.file(path, bytes);
        this.bytes += bytes.length;
      }
      this.pairs.push(pair);
      tally.addPair(pair);
    } else if (fresh.length > 0) tally.countIn(id);
    this.events.push(...fresh);
    tally.addEvents(fresh);
  }

  async flush(last = false): Promise<void> {
    const { pairs, events, state } = this;
    [this.pairs, this.events, this.bytes] = [[], [], 0];
    if (last || pairs.length > 0 || events.length > 0) await this.sink.add(pairs, events);
    state.added += pairs.length;
    this.written = state.done;
    await this.sink.writeState(`${JSON.stringify(state)}\n`);
  }
}
