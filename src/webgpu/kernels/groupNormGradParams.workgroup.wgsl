// dweight and dbias of groupNorm.register.wgsl's `y[i] = activate((x[i] - mean) * rstd * scale + shift)`: with g = dy activate'(z), the sums over batch
// and plane of g (x - mean) rstd and of g.
// dy, x: [BATCH, GROUPS, CHANNELS_PER_GROUP, PLANE]; weight, bias, dweight, dbias: [GROUPS * CHANNELS_PER_GROUP]; stats: [BATCH, GROUPS] of (mean, rstd).
// One workgroup a channel, sums in workgroup memory. 1-D grid.

alias Lanes = vec4f; // f32 where four does not divide PLANE (lanes.ts)
alias Sums = vec2f;
/** Elements in one Lanes. */
const LANES: f32 = 4.0;
const WORKGROUP_SIZE: u32 = 64;
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
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  grad_weights(workgroup.x, local);
}
