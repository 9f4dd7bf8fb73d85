// dx of groupNorm.register.wgsl's `y[i] = activate((x[i] - mean) * rstd * scale + shift)`. With g = dy activate'(z) scale and h = (x - mean) rstd,
// dx = rstd (g - mean(g) - h mean(g h)), means over the group. g waits in dx between the passes, so that its exponentials run once.
// dy, x, residual, dx: [BATCH, GROUPS, CHANNELS_PER_GROUP, PLANE]; weight, bias: [GROUPS * CHANNELS_PER_GROUP]; stats: [BATCH, GROUPS] of (mean, rstd).
// One workgroup a (batch, group): strided passes, sums in workgroup memory; an invocation reads back only what it wrote. Workgroups
// [GROUPS, BATCH]. With the lines that begin with "weights" (norms.ts) 1-D, and further workgroups make dweight and dbias:
// [GROUPS * CHANNELS_PER_GROUP], one workgroup a channel.

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
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  //weights if (workgroup.x >= BATCH * GROUPS) {
  //weights   grad_weights(workgroup.x - BATCH * GROUPS, local);
  //weights   return;
  //weights }
  let group = workgroup.y * GROUPS + workgroup.x;
  let first = group * GROUP_SIZE;
  let elements = f32(GROUP_SIZE) * LANES;
  let mean = stats[group].x;
  let rstd = stats[group].y;

  let first_channel = (group % GROUPS) * CHANNELS_PER_GROUP;
  var sum = Lanes(0.0);
  var sum_h = Lanes(0.0);
  for (var i = local; i < GROUP_SIZE; i += WORKGROUP_SIZE) {
    let scale = weight[first_channel + i / PLANE];
    let h = (x[first + i] - mean) * rstd;
    let g = dy[first + i] * slope(h * scale + bias[first_channel + i / PLANE]) * scale;
    dx[first + i] = g;
    sum += g;
    sum_h += g * h;
  }
  let means = sum_all(local, vec2f(total(sum), total(sum_h))) / elements;
  for (var i = first + local; i < first + GROUP_SIZE; i += WORKGROUP_SIZE) {
    dx[i] = added(rstd * (dx[i] - means.x - (x[i] - mean) * rstd * means.y), i);
  }
}
