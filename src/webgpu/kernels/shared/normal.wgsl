// Of a kernel with `alias Lanes` and `alias Ints`, as wide.

/** Normal distribution at x: (cdf, density). WGSL has no erf. The lower tail is erfc(z) / 2 = exp(-x²/2) f(q) / (2 (1 + 2 z)) with z = |x| / sqrt(2),
 *  q = (z - 2) / (z + 2) and f = (1 + 2 z) erfcx(z) as a minimax polynomial (relative error 1.4e-8). exp's argument is split, x = hi + lo
 *  with hi a multiple of 1/256, so that hi² and the reduction by ln 2 are exact: relative error of the whole below 3e-7, tails included. */
struct Normal { cdf: Lanes, density: Lanes }

fn normal(x: Lanes) -> Normal {
  let a = min(abs(x), Lanes(14.0));
  let hi = round(a * 256.0) * 0.00390625;
  let n = round(hi * hi * -0.7213475204444817);
  let r = (hi * hi * -0.5 - n * 0.693359375) + n * 2.12194440e-4 - 0.5 * (a - hi) * (a + hi);
  let e = 1.0 + (r + r * r * (0.49999985 + r * (0.16666408 + r * (0.041669708 + r * (0.008380413 + r * 0.001379047)))));
  let gauss = ldexp(e, Ints(n));
  let z = a * 0.7071067811865476;
  let q = (z - 2.0) / (z + 2.0);
  let f = 1.2769784 + q * (-0.09276398 + q * (-0.16603146 + q * (0.16405542 + q * (-0.054203883 + q * (-0.008060142
        + q * (0.008630094 + q * (0.0013133072 + q * (-0.001227999 + q * -0.0003994468))))))));
  let tail = 0.5 * f / (1.0 + 2.0 * z) * gauss;
  return Normal(select(1.0 - tail, tail, x < Lanes(0.0)), gauss * 0.3989422804014327);
}
