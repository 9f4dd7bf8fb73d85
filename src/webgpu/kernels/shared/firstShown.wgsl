/** First output row (or column) that shows input row i: floor(o * IN / OUT) = i for o in [first(i), first(i + 1)). */
fn first(i: u32, size_in: u32, size_out: u32) -> u32 {
  return (i * size_out + size_in - 1u) / size_in;
}
