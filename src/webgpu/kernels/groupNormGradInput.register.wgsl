// dx of groupNorm.register.wgsl's `y[i] = activate((x[i] - mean) * rstd * scale + shift)`. With g = dy activate'(z) scale and h = (x - mean) rstd,
// dx = rstd (g - mean(g) - h mean(g h)), means over the group. g waits in dx between the passes, so that its exponentials run once.
// dy, x, residual, dx: [BATCH, GROUPS, CHANNELS_PER_GROUP, PLANE]; weight, bias: [GROUPS * CHANNELS_PER_GROUP]; stats: [BATCH, GROUPS] of (mean, rstd).
// One invocation a (batch, group): two serial passes, no barrier. 1-D grid. With the lines that begin with "weights" (norms.ts) further workgroups
// make dweight and dbias: [GROUPS * CHANNELS_PER_GROUP], one invocation a channel.

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
/** Whether residual is added. */
const RESIDUAL = false;

const GROUP_SIZE: u32 = CHANNELS_PER_GROUP * PLANE;

@group(0) @binding(0) var<storage, read> dy: array<Lanes>;
@group(0) @binding(1) var<storage, read> x: array<Lanes>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> stats: array<vec2f>;
@group(0) @binding(5) var<storage, read> residual: array<Lanes>;
@group(0) @binding(6) var<storage, read_write> dx: array<Lanes>;
//weights @group(0) @binding(7) var<storage, read_write> dweight: array<f32>;
//weights @group(0) @binding(8) var<storage, read_write> dbias: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let group = id.x + id.y * (groups.x * WORKGROUP_SIZE); // batch * GROUPS + group
  //weights let first_weight = (BATCH * GROUPS + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE * WORKGROUP_SIZE;
  //weights if (group >= first_weight) {
  //weights   if (group - first_weight < GROUPS * CHANNELS_PER_GROUP) { grad_weights(group - first_weight); }
  //weights   return;
  //weights }
  if (group >= BATCH * GROUPS) { return; }
  let first = group * GROUP_SIZE;
  let elements = f32(GROUP_SIZE) * LANES;
  let mean = stats[group].x;
  let rstd = stats[group].y;

  let first_channel = (group % GROUPS) * CHANNELS_PER_GROUP;
  var sum = Lanes(0.0);
  var sum_h = Lanes(0.0);
  for (var c = 0u; c < CHANNELS_PER_GROUP; c++) {
    let scale = weight[first_channel + c];
    let shift = bias[first_channel + c];
    let plane = first + c * PLANE;
    for (var i = plane; i < plane + PLANE; i++) {
      let h = (x[i] - mean) * rstd;
      let g = dy[i] * slope(h * scale + shift) * scale;
      dx[i] = g;
      sum += g;
      sum_h += g * h;
    }
  }
  let mean_g = total(sum) / elements;
  let mean_gh = total(sum_h) / elements;
  for (var i = first; i < first + GROUP_SIZE; i++) {
    dx[i] = added(rstd * (dx[i] - mean_g - (x[i] - mean) * rstd * mean_gh), i);
  }
}
