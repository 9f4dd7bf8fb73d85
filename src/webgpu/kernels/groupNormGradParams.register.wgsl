// dweight and dbias of groupNorm.register.wgsl's `y[i] = activate((x[i] - mean) * rstd * scale + shift)`: with g = dy activate'(z), the sums over batch
// and plane of g (x - mean) rstd and of g.
// dy, x: [BATCH, GROUPS, CHANNELS_PER_GROUP, PLANE]; weight, bias, dweight, dbias: [GROUPS * CHANNELS_PER_GROUP]; stats: [BATCH, GROUPS] of (mean, rstd).
// One invocation a channel: serial, no barrier. 1-D grid.

alias Lanes = vec4f; // f32 where four does not divide PLANE (lanes.ts)
/** Elements in one Lanes. */
const LANES: f32 = 4.0;
const WORKGROUP_SIZE: u32 = 4;
const BATCH: u32 = 1;
const GROUPS: u32 = 1;
const CHANNELS_PER_GROUP: u32 = 1;
/** Elements of a channel, in Lanes. */
const PLANE: u32 = 1;
const SILU = false;

@group(0) @binding(0) var<storage, read> dy: array<Lanes>;
@group(0) @binding(1) var<storage, read> x: array<Lanes>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> stats: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(6) var<storage, read_write> dbias: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let channel = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (channel >= GROUPS * CHANNELS_PER_GROUP) { return; }
  grad_weights(channel);
}
