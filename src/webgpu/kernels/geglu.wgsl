// y = left * gelu(right), gelu by erf, where a row of x is [left | right].
// x: [rows, 2 WIDTH]; y: [rows, WIDTH]; WIDTH counted in Lanes.
// One invocation an element (four with Lanes = vec4f), 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide WIDTH (lanes.ts)
alias Ints = vec4i;
const WORKGROUP_SIZE: u32 = 64;
const SIZE: u32 = 1;
const WIDTH: u32 = 1;

@group(0) @binding(0) var<storage, read> x: array<Lanes>;
@group(0) @binding(1) var<storage, read_write> y: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= SIZE) { return; }
  let left = i + (i / WIDTH) * WIDTH; // row * 2 WIDTH + column
  let gate = x[left + WIDTH];
  y[i] = x[left] * gate * normal(gate).cdf;
}
