/** The few numpy functions whose exact rounding decides which timesteps and sigmas a sampler visits. */

/** numpy.round: halves go to the even neighbour. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const part = x - floor;
  if (part !== 0.5) return part < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** numpy.linspace(start, end, count), f64. */
export function linspace(start: number, end: number, count: number): Float64Array {
  const step = (end - start) / (count - 1);
  return Float64Array.from({ length: count }, (_, i) =>
    i === count - 1 && count > 1 ? end : i * (count > 1 ? step : 0) + start,
  );
}

/** numpy.interp(x, arange(len(table)), table): linear between the entries, held at both ends. */
export function interpolate(x: number, table: ArrayLike<number>): number {
  const last = table.length - 1;
  if (x <= 0) return table[0]!;
  if (x >= last) return table[last]!;
  const low = Math.floor(x);
  return (table[low + 1]! - table[low]!) * (x - low) + table[low]!;
}
