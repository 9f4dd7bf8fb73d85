// Of a kernel with `alias Lanes`.

/** Both exponentials are of negative numbers: nothing overflows. */
fn sigmoid(x: Lanes) -> Lanes {
  let e = exp(-abs(x));
  return select(e, Lanes(1.0), x >= Lanes(0.0)) / (1.0 + e);
}
