// dx of groupNormGradInput.register.wgsl out of what groupNormGradInputChunks.spread.wgsl left: g in dx, its sums by chunks, added in a fixed order.
// x, residual, dx: [BATCH, GROUPS, CHANNELS_PER_GROUP, PLANE]; stats: [BATCH, GROUPS] of (mean, rstd); chunks: [BATCH * GROUPS, CHUNKS].
// One workgroup a (batch, group, chunk). Workgroups [CHUNKS, GROUPS, BATCH].

alias Lanes = vec4f; // f32 where four does not divide PLANE (lanes.ts)
/** Elements in one Lanes. */
const LANES: f32 = 4.0;
const WORKGROUP_SIZE: u32 = 256;
const GROUPS: u32 = 1;
const CHANNELS_PER_GROUP: u32 = 1;
/** Elements of a channel, in Lanes. */
const PLANE: u32 = 1;
const CHUNKS: u32 = 2;
/** Lanes of a chunk but the last. */
const CHUNK: u32 = 1024;
/** Whether residual is added. */
const RESIDUAL = false;

const GROUP_SIZE: u32 = CHANNELS_PER_GROUP * PLANE;

@group(0) @binding(0) var<storage, read> x: array<Lanes>;
@group(0) @binding(1) var<storage, read> stats: array<vec2f>;
@group(0) @binding(2) var<storage, read> chunks: array<vec2f>;
@group(0) @binding(3) var<storage, read> residual: array<Lanes>;
@group(0) @binding(4) var<storage, read_write> dx: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let group = workgroup.z * GROUPS + workgroup.y;
  let first = workgroup.x * CHUNK;
  let end = group * GROUP_SIZE + min(first + CHUNK, GROUP_SIZE);
  let mean = stats[group].x;
  let rstd = stats[group].y;

  var sums = vec2f(0.0);
  for (var c = 0u; c < CHUNKS; c++) { sums += chunks[group * CHUNKS + c]; }
  let means = sums / (f32(GROUP_SIZE) * LANES);
  for (var i = group * GROUP_SIZE + first + local; i < end; i += WORKGROUP_SIZE) {
    dx[i] = added(rstd * (dx[i] - means.x - (x[i] - mean) * rstd * means.y), i);
  }
}
