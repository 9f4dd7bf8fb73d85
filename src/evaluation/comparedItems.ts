/** Which prompts and seeds models are compared on. */

/** Every prompt with every seed, or `most` of them: prompts evenly spread over the list, each with all its seeds, as deviations within a prompt and
 *  diversity want two of one; where `most` does not divide, the last has fewer. All of the first seed come first. */
export function comparedItems<Listed>(
  list: readonly Listed[],
  seeds: readonly number[],
  most: number,
): (Listed & { seed: number })[] {
  const wanted = Math.min(list.length * seeds.length, most);
  const prompts = Math.ceil(wanted / seeds.length);
  const chosen = Array.from({ length: prompts }, (_, i) => list[Math.floor((i * list.length) / prompts)]!);
  const lacking = prompts * seeds.length - wanted;
  return seeds.flatMap((seed, at) =>
    chosen.slice(0, at < seeds.length - lacking ? prompts : prompts - 1).map((listed) => ({ ...listed, seed })),
  );
}
