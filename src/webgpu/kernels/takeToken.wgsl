// y[b] = x[b, index[b]].
// x: [BATCH, TOKENS, WIDTH]; index: [BATCH]; y: [BATCH, WIDTH]; WIDTH counted in Lanes.
// One invocation an element of y (four with Lanes = vec4f), 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide the widths (lanes.ts)
const WORKGROUP_SIZE: u32 = 64;
const BATCH: u32 = 1;
const TOKENS: u32 = 1;
const WIDTH: u32 = 1;

@group(0) @binding(0) var<storage, read> x: array<Lanes>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= BATCH * WIDTH) { return; }
  let batch = i / WIDTH;
  y[i] = x[(batch * TOKENS + u32(index[batch])) * WIDTH + i - batch * WIDTH];
}
