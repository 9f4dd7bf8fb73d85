// x = 0, in place.
// x: any shape, flat.
// One invocation an element (four with Lanes = vec4f), 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide the size (lanes.ts)
alias Ints = vec4i;
const WORKGROUP_SIZE: u32 = 64;
/** Elements (in Lanes); 0 means all that y holds, so that tensors of every shape share one pipeline. */
const SIZE: u32 = 0;

@group(0) @binding(0) var<storage, read_write> x: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= select(SIZE, arrayLength(&x), SIZE == 0u)) { return; }
  x[i] = Lanes(0.0);
}
