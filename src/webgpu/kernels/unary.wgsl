// y = fn(x), elementwise; FN is the place of the function in unaryFns (elementwise.ts). gelu by erf, quickGelu = x sigmoid(1.702 x).
// x: as y; y: any shape, flat.
// One invocation an element (four with Lanes = vec4f), 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide the size (lanes.ts)
alias Ints = vec4i;
const WORKGROUP_SIZE: u32 = 64;
/** Elements (in Lanes); 0 means all that y holds, so that tensors of every shape share one pipeline. */
const SIZE: u32 = 0;
const FN: u32 = 0;

@group(0) @binding(0) var<storage, read> x: array<Lanes>;
@group(0) @binding(1) var<storage, read_write> y: array<Lanes>;

/** Both exponentials are of negative numbers: nothing overflows. */
fn sigmoid(x: Lanes) -> Lanes {
  let e = exp(-abs(x));
  return select(e, Lanes(1.0), x >= Lanes(0.0)) / (1.0 + e);
}

/** WGSL promises tanh only to 1e-5, and some drivers overflow in it. Polynomial below 0.6 (relative error 3e-9 before rounding). */
fn tanh_exact(x: Lanes) -> Lanes {
  let a = abs(x);
  let s = x * x;
  let small = x + x * s * (-0.333333 + s * (0.13331923 + s * (-0.053783666 + s * (0.02079537 + s * -0.005894398))));
  let e = exp(-2.0 * a);
  return select(sign(x) * (1.0 - e) / (1.0 + e), small, a < Lanes(0.6));
}

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

fn apply(x: Lanes) -> Lanes {
  switch FN {
    case 0u { return x * sigmoid(x); }
    case 1u { return x * normal(x).cdf; }
    case 2u { return x * sigmoid(1.702 * x); }
    case 3u { return max(x, Lanes(0.0)); }
    case 4u { return tanh_exact(x); }
    default { return sigmoid(x); }
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= select(SIZE, arrayLength(&y), SIZE == 0u)) { return; }
  y[i] = apply(x[i]);
}
