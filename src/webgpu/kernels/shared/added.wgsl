// Of a kernel with `residual` and `const RESIDUAL`.

fn added(own: Lanes, i: u32) -> Lanes {
  if (RESIDUAL) { return own + residual[i]; }
  return own;
}
