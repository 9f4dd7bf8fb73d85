// Of a kernel with `alias Lanes` and `const SILU`; with sigmoid.wgsl.

/** The derivative of silu.wgsl's activate. */
fn slope(z: Lanes) -> Lanes {
  if (SILU) { return sigmoid(z) * (1.0 + z * sigmoid(-z)); }
  return Lanes(1.0);
}
