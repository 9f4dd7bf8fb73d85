// Of a kernel with `alias Lanes` and `const SILU`; with sigmoid.wgsl.

fn activate(z: Lanes) -> Lanes {
  if (SILU) { return z * sigmoid(z); }
  return z;
}
