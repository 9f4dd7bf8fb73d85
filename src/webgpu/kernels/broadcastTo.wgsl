// y = FACTOR * x with axes of length 1 repeated: y[i] = FACTOR * x[broadcast_index(i)].
// y: [SIZE3, SIZE2, SIZE1, SIZE0] (neighbouring axes of one kind merged, innermost last, counted in Lanes); x: STRIDE<n> is its step along y's
// axis n, 0 where it is repeated.
// One invocation an element of y (four with Lanes = vec4f), 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide the innermost axis (lanes.ts)
alias Source = vec4f; // f32 also where the innermost axis is repeated
const WORKGROUP_SIZE: u32 = 64;
const FACTOR: f32 = 1.0;
const SAME = false;
const SIZE: u32 = 1;
const SIZE0: u32 = 1;
const SIZE1: u32 = 1;
const SIZE2: u32 = 1;
const STRIDE0: u32 = 1;
const STRIDE1: u32 = 0;
const STRIDE2: u32 = 0;
const STRIDE3: u32 = 0;

@group(0) @binding(0) var<storage, read> x: array<Source>;
@group(0) @binding(1) var<storage, read_write> y: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= SIZE) { return; }
  y[i] = FACTOR * Lanes(x[broadcast_index(i)]);
}
