// Of a kernel with `a` and `b` in words and their formats A_FORMAT and B_FORMAT; with widened.wgsl.

fn a_at(at: u32) -> f32 {
  if (A_FORMAT == 0u) {
    return bitcast<f32>(a[at]);
  }
  return widened(a[at / 2u], at, A_FORMAT);
}

// Elements at, which is even, and at + 1, of a `b` in halves.
fn b_pair(at: u32) -> vec2f {
  return widenedPair(b[at / 2u], B_FORMAT);
}

fn b_at(at: u32) -> f32 {
  if (B_FORMAT == 0u) {
    return bitcast<f32>(b[at]);
  }
  return widened(b[at / 2u], at, B_FORMAT);
}
