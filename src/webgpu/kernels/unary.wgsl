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
