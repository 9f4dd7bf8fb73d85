// groupNorm.register.wgsl with the statistics of groupNormChunks.spread.wgsl, put together in a fixed order (Chan et al. 1979).
// x, y: [BATCH, GROUPS, CHANNELS_PER_GROUP, PLANE]; weight, bias: [GROUPS * CHANNELS_PER_GROUP]; chunks: [BATCH * GROUPS, CHUNKS];
// stats: [BATCH, GROUPS] of (mean, rstd). One workgroup a (batch, group, chunk). Workgroups [CHUNKS, GROUPS, BATCH].

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
const SILU = false;
const EPS: f32 = 1e-5;

const GROUP_SIZE: u32 = CHANNELS_PER_GROUP * PLANE;

@group(0) @binding(0) var<storage, read> x: array<Lanes>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> chunks: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> y: array<Lanes>;
@group(0) @binding(5) var<storage, read_write> stats: array<vec2f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let group = workgroup.z * GROUPS + workgroup.y;
  let first = workgroup.x * CHUNK;
  let length = min(CHUNK, GROUP_SIZE - first);
  let elements = f32(GROUP_SIZE) * LANES;

  var sum = 0.0;
  for (var c = 0u; c < CHUNKS; c++) { sum += chunks[group * CHUNKS + c].x; }
  let mean = sum / elements;
  var squares = 0.0;
  for (var c = 0u; c < CHUNKS; c++) {
    let chunk = chunks[group * CHUNKS + c];
    let part = f32(min(CHUNK, GROUP_SIZE - c * CHUNK)) * LANES;
    let d = chunk.x / part - mean;
    squares += chunk.y + part * d * d;
  }
  let rstd = 1.0 / sqrt(squares / elements + EPS);
  if (workgroup.x == 0u && local == 0u) { stats[group] = vec2f(mean, rstd); }

  let begin = group * GROUP_SIZE + first;
  let first_channel = workgroup.y * CHANNELS_PER_GROUP;
  for (var i = local; i < length; i += WORKGROUP_SIZE) {
    let channel = first_channel + (first + i) / PLANE;
    y[begin + i] = activate((x[begin + i] - mean) * rstd * weight[channel] + bias[channel]);
  }
}
