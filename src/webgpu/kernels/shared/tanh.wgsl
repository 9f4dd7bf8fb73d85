// Of a kernel with `alias Lanes`.

/** WGSL promises tanh only to 1e-5, and some drivers overflow in it. Polynomial below 0.6 (relative error 3e-9 before rounding). */
fn tanh_exact(x: Lanes) -> Lanes {
  let a = abs(x);
  let s = x * x;
  let small = x + x * s * (-0.333333 + s * (0.13331923 + s * (-0.053783666 + s * (0.02079537 + s * -0.005894398))));
  let e = exp(-2.0 * a);
  return select(sign(x) * (1.0 - e) / (1.0 + e), small, a < Lanes(0.6));
}
