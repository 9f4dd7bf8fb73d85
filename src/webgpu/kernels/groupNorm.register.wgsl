// y = (x - mean) rstd weight + bias over each group of channels, with SILU followed by z sigmoid(z); torch.nn.GroupNorm. Two-pass statistics.
// x, y: [BATCH, GROUPS, CHANNELS_PER_GROUP, PLANE]; weight, bias: [GROUPS * CHANNELS_PER_GROUP]; stats: [BATCH, GROUPS] of (mean, rstd).
// One invocation a (batch, group): three serial passes, no barrier. 1-D grid.

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
const EPS: f32 = 1e-5;

const GROUP_SIZE: u32 = CHANNELS_PER_GROUP * PLANE;

@group(0) @binding(0) var<storage, read> x: array<Lanes>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<Lanes>;
@group(0) @binding(4) var<storage, read_write> stats: array<vec2f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let group = id.x + id.y * (groups.x * WORKGROUP_SIZE); // batch * GROUPS + group
  if (group >= BATCH * GROUPS) { return; }
  let first = group * GROUP_SIZE;
  let elements = f32(GROUP_SIZE) * LANES;

  var sum = Lanes(0.0);
  for (var i = 0u; i < GROUP_SIZE; i++) { sum += x[first + i]; }
  let mean = total(sum) / elements;
  var squares = Lanes(0.0);
  for (var i = 0u; i < GROUP_SIZE; i++) {
    let d = x[first + i] - mean;
    squares += d * d;
  }
  let rstd = 1.0 / sqrt(total(squares) / elements + EPS);
  stats[group] = vec2f(mean, rstd);

  let first_channel = (group % GROUPS) * CHANNELS_PER_GROUP;
  for (var c = 0u; c < CHANNELS_PER_GROUP; c++) {
    let scale = weight[first_channel + c];
    let shift = bias[first_channel + c];
    let plane = first + c * PLANE;
    for (var i = plane; i < plane + PLANE; i++) {
      y[i] = activate((x[i] - mean) * rstd * scale + shift);
    }
  }
}
