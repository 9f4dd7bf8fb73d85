// y = (x - mean) rstd weight + bias over each group of channels, with SILU followed by z sigmoid(z); torch.nn.GroupNorm. Two-pass statistics.
// x, y: [BATCH, GROUPS, CHANNELS_PER_GROUP, PLANE]; weight, bias: [GROUPS * CHANNELS_PER_GROUP]; stats: [BATCH, GROUPS] of (mean, rstd).
// One workgroup a (batch, group): strided passes, sums in workgroup memory. Workgroups [GROUPS, BATCH].

alias Lanes = vec4f; // f32 where four does not divide PLANE (lanes.ts)
alias Sums = f32;
/** Elements in one Lanes. */
const LANES: f32 = 4.0;
const WORKGROUP_SIZE: u32 = 64;
const BATCH: u32 = 1;
const GROUPS: u32 = 1;
const CHANNELS_PER_GROUP: u32 = 1;
/** Elements of a channel, in Lanes. */
const PLANE: u32 = 1;
const SILU = false;
const EPS: f32 = 1e-5;

const GROUP_SIZE: u32 = CHANNELS_PER_GROUP * PLANE;

@group(0) @binding(0) var<storage, read> x: array<Lanes>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<Lanes>;
@group(0) @binding(4) var<storage, read_write> stats: array<vec2f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let group = workgroup.y * GROUPS + workgroup.x;
  let first = group * GROUP_SIZE;
  let elements = f32(GROUP_SIZE) * LANES;

  var sum = Lanes(0.0);
  for (var i = local; i < GROUP_SIZE; i += WORKGROUP_SIZE) { sum += x[first + i]; }
  let mean = sum_all(local, total(sum)) / elements;
  var squares = Lanes(0.0);
  for (var i = local; i < GROUP_SIZE; i += WORKGROUP_SIZE) {
    let d = x[first + i] - mean;
    squares += d * d;
  }
  let rstd = 1.0 / sqrt(sum_all(local, total(squares)) / elements + EPS);
  if (local == 0u) { stats[group] = vec2f(mean, rstd); }

  let first_channel = workgroup.x * CHANNELS_PER_GROUP;
  for (var i = local; i < GROUP_SIZE; i += WORKGROUP_SIZE) {
    let channel = first_channel + i / PLANE;
    y[first + i] = activate((x[first + i] - mean) * rstd * weight[channel] + bias[channel]);
  }
}
