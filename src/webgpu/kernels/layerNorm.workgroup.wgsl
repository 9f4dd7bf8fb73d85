// y = (x - mean) rstd weight + bias over each row; torch.nn.LayerNorm. Two-pass statistics.
// x, y: [ROWS, WIDTH]; weight, bias: [WIDTH]; stats: [ROWS] of (mean, rstd).
// One workgroup a row, sums in workgroup memory. 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide WIDTH (lanes.ts)
alias Sums = f32;
/** Elements in one Lanes. */
const LANES: f32 = 4.0;
const WORKGROUP_SIZE: u32 = 64;
const ROWS: u32 = 1;
/** Elements of a row, in Lanes. */
const WIDTH: u32 = 1;
const EPS: f32 = 1e-5;

@group(0) @binding(0) var<storage, read> x: array<Lanes>;
@group(0) @binding(1) var<storage, read> weight: array<Lanes>;
@group(0) @binding(2) var<storage, read> bias: array<Lanes>;
@group(0) @binding(3) var<storage, read_write> y: array<Lanes>;
@group(0) @binding(4) var<storage, read_write> stats: array<vec2f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = workgroup.x + workgroup.y * groups.x;
  if (row >= ROWS) { return; }
  let first = row * WIDTH;
  let elements = f32(WIDTH) * LANES;

  var sum = Lanes(0.0);
  for (var i = local; i < WIDTH; i += WORKGROUP_SIZE) { sum += x[first + i]; }
  let mean = sum_all(local, total(sum)) / elements;
  var squares = Lanes(0.0);
  for (var i = local; i < WIDTH; i += WORKGROUP_SIZE) {
    let d = x[first + i] - mean;
    squares += d * d;
  }
  let rstd = 1.0 / sqrt(sum_all(local, total(squares)) / elements + EPS);
  if (local == 0u) { stats[row] = vec2f(mean, rstd); }
  for (var i = local; i < WIDTH; i += WORKGROUP_SIZE) {
    y[first + i] = (x[first + i] - mean) * rstd * weight[i] + bias[i];
  }
}
