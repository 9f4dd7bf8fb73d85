// The sums of groupNormGradInput.register.wgsl by chunks of a group; its g stays in dx for groupNormGradInput.spread.wgsl, so that its exponentials
// run once.
// dy, x, dx: [BATCH, GROUPS, CHANNELS_PER_GROUP, PLANE]; weight, bias: [GROUPS * CHANNELS_PER_GROUP]; stats: [BATCH, GROUPS] of (mean, rstd);
// chunks: [BATCH * GROUPS, CHUNKS] of the sums of g and of g (x - mean) rstd. One workgroup a (batch, group, chunk). Workgroups
// [CHUNKS, GROUPS, BATCH].

alias Lanes = vec4f; // f32 where four does not divide PLANE (lanes.ts)
alias Sums = vec2f;
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

const GROUP_SIZE: u32 = CHANNELS_PER_GROUP * PLANE;

@group(0) @binding(0) var<storage, read> dy: array<Lanes>;
@group(0) @binding(1) var<storage, read> x: array<Lanes>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> stats: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> dx: array<Lanes>;
@group(0) @binding(6) var<storage, read_write> chunks: array<vec2f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let group = workgroup.z * GROUPS + workgroup.y;
  let first = workgroup.x * CHUNK;
  let length = min(CHUNK, GROUP_SIZE - first);
  let begin = group * GROUP_SIZE + first;
  let mean = stats[group].x;
  let rstd = stats[group].y;

  let first_channel = workgroup.y * CHANNELS_PER_GROUP;
  var sum = Lanes(0.0);
  var sum_h = Lanes(0.0);
  for (var i = local; i < length; i += WORKGROUP_SIZE) {
    let channel = first_channel + (first + i) / PLANE;
    let scale = weight[channel];
    let h = (x[begin + i] - mean) * rstd;
    let g = dy[begin + i] * slope(h * scale + bias[channel]) * scale;
    dx[begin + i] = g;
    sum += g;
    sum_h += g * h;
  }
  let sums = sum_all(local, vec2f(total(sum), total(sum_h)));
  if (local == 0u) { chunks[group * CHUNKS + workgroup.x] = sums; }
}
