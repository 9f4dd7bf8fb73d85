// dweight and dbias of layerNorm.register.wgsl's `y[first + i] = (x[first + i] - mean) * rstd * weight[i] + bias[i]`: the sums over rows of
// dy (x - mean) rstd and of dy.
// dy, x: [ROWS, WIDTH]; stats: [ROWS] of (mean, rstd); dweight, dbias: [WIDTH].
// One invocation a column (four with Lanes = vec4f): serial over rows, no barrier. 1-D grid.

alias Lanes = vec4f; // f32 where four does not divide WIDTH (lanes.ts)
const WORKGROUP_SIZE: u32 = 4;
const ROWS: u32 = 1;
/** Elements of a row, in Lanes. */
const WIDTH: u32 = 1;

@group(0) @binding(0) var<storage, read> dy: array<Lanes>;
@group(0) @binding(1) var<storage, read> x: array<Lanes>;
@group(0) @binding(2) var<storage, read> stats: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> dweight: array<Lanes>;
@group(0) @binding(4) var<storage, read_write> dbias: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let column = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (column >= WIDTH) { return; }
  grad_weights(column);
}
