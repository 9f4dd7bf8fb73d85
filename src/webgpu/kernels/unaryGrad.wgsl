// dx = dy * fn'(x), of unary.wgsl's `y[i] = apply(x[i])`; FN as there.
// dy, x, dx: one shape, flat.
// One invocation an element (four with Lanes = vec4f), 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide the size (lanes.ts)
alias Ints = vec4i;
const WORKGROUP_SIZE: u32 = 64;
/** Elements (in Lanes); 0 means all that y holds, so that tensors of every shape share one pipeline. */
const SIZE: u32 = 0;
const FN: u32 = 0;

@group(0) @binding(0) var<storage, read> dy: array<Lanes>;
@group(0) @binding(1) var<storage, read> x: array<Lanes>;
@group(0) @binding(2) var<storage, read_write> dx: array<Lanes>;

/** d/dx of x sigmoid(k x). 1 - sigmoid is taken as sigmoid(-k x), which keeps its digits. */
fn swish_slope(x: Lanes, k: f32) -> Lanes {
  return sigmoid(k * x) * (1.0 + k * x * sigmoid(-k * x));
}

fn slope(x: Lanes) -> Lanes {
  switch FN {
    case 0u { return swish_slope(x, 1.0); }
    case 1u {
      let n = normal(x);
      return n.cdf + x * n.density;
    }
    case 2u { return swish_slope(x, 1.702); }
    case 3u { return select(Lanes(0.0), Lanes(1.0), x > Lanes(0.0)); }
    case 4u {
      let t = tanh_exact(x);
      return (1.0 - t) * (1.0 + t);
    }
    default { return sigmoid(x) * sigmoid(-x); }
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= select(SIZE, arrayLength(&dx), SIZE == 0u)) { return; }
  dx[i] = dy[i] * slope(x[i]);
}
