/** Pairs that are drawn here, as every verb that draws them does: with progress, ended by Ctrl-C, and gone on with by the same command. */
import { pairKind } from '../records/kinds.ts';
import type { Engine } from '../service/engineService.ts';
import type { PairRecord, PairsRequest } from '../service/types.ts';
import { appendRecords, readRecords } from './records.ts';
import { Pace, type Terminal } from './terminal.ts';

/** Draws the pairs that a file of records lacks, each noted there when it is made, and gives all of them.
 *  @param request its count is that of all. */
export async function drawnPairs(
  engine: Engine,
  terminal: Terminal,
  file: string,
  request: PairsRequest,
): Promise<PairRecord[]> {
  const say = (text: string): void => terminal.note(text);
  const { count } = request;
  const made = readRecords(file, pairKind, say);
  const first = made.length;
  if (first > 0) terminal.note(`${Math.min(first, count)} of ${count} pairs are there already`);
  terminal.onInterrupt(() => void engine.cancel('pairs'));
  const pace = new Pace();
  if (first < count) pace.left(first, count);
  await engine.makePairs('pairs', { ...request, first }, (event) => {
    if (event.type === 'recovered') terminal.note(event.message);
    if (event.type !== 'pair') return;
    appendRecords(file, [event.pair], say);
    made.push(event.pair);
    terminal.status(
      `pair ${event.done}/${event.total}${pace.left(event.done, event.total)}`,
      event.done === event.total,
    );
  });
  return made;
}
