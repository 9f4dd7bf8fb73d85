/** Pairs of a ranking: each picture against its neighbour in rank, and the last against the first, so that a ranking of k gives at most k pairs
 *  and no picture stands in more than two. */

/** @param ranks lower is better.
 *  @param most pairs; the pair of best and worst first, then from the top down.
 *  @returns indices, the better or equal one first. */
export function pairsOfRanking(ranks: readonly number[], most = ranks.length): [number, number][] {
  const order = ranks.map((_, i) => i).toSorted((a, b) => ranks[a]! - ranks[b]! || a - b);
  const neighbours = order.slice(0, -1).map((better, i): [number, number] => [better, order[i + 1]!]);
  const pairs = order.length > 2 ? [[order[0]!, order.at(-1)!] as [number, number], ...neighbours] : neighbours;
  return pairs.slice(0, Math.max(0, most));
}
