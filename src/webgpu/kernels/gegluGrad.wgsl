// dx of geglu.wgsl's `y[i] = x[left] * gate * normal(gate).cdf`, gate = x[left + WIDTH]: both halves.
// dy: [rows, WIDTH]; x, dx: [rows, 2 WIDTH]; WIDTH counted in Lanes.
// One invocation an element of dy (four with Lanes = vec4f), 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide WIDTH (lanes.ts)
alias Ints = vec4i;
const WORKGROUP_SIZE: u32 = 64;
const SIZE: u32 = 1;
const WIDTH: u32 = 1;

@group(0) @binding(0) var<storage, read> dy: array<Lanes>;
@group(0) @binding(1) var<storage, read> x: array<Lanes>;
@group(0) @binding(2) var<storage, read_write> dx: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= SIZE) { return; }
  let left = i + (i / WIDTH) * WIDTH; // row * 2 WIDTH + column
  let gate = x[left + WIDTH];
  let n = normal(gate);
  dx[left] = dy[i] * gate * n.cdf;
  dx[left + WIDTH] = dy[i] * x[left] * (n.cdf + gate * n.density);
}
