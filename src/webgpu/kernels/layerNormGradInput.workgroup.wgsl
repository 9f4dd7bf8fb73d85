// dx of layerNorm.register.wgsl's `y[first + i] = (x[first + i] - mean) * rstd * weight[i] + bias[i]`. With g = dy weight and h = (x - mean) rstd,
// dx = rstd (g - mean(g) - h mean(g h)), means over the row.
// dy, x, residual, dx: [ROWS, WIDTH]; weight: [WIDTH]; stats: [ROWS] of (mean, rstd).
// One workgroup a row, sums in workgroup memory. 1-D grid folded over y. With the lines that begin with "weights" (norms.ts) the first workgroups make
// dweight and dbias: [WIDTH], COLUMNS each; they take longest.

alias Lanes = vec4f; // f32 where four does not divide WIDTH (lanes.ts)
alias Sums = vec2f;
/** Elements in one Lanes. */
const LANES: f32 = 4.0;
const WORKGROUP_SIZE: u32 = 64;
const ROWS: u32 = 1;
/** Elements of a row, in Lanes. */
const WIDTH: u32 = 1;
/** Whether residual is added. */
const RESIDUAL = false;

@group(0) @binding(0) var<storage, read> dy: array<Lanes>;
@group(0) @binding(1) var<storage, read> x: array<Lanes>;
@group(0) @binding(2) var<storage, read> weight: array<Lanes>;
@group(0) @binding(3) var<storage, read> stats: array<vec2f>;
@group(0) @binding(4) var<storage, read> residual: array<Lanes>;
@group(0) @binding(5) var<storage, read_write> dx: array<Lanes>;
//weights @group(0) @binding(6) var<storage, read_write> dweight: array<Lanes>;
//weights @group(0) @binding(7) var<storage, read_write> dbias: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  var row = workgroup.x + workgroup.y * groups.x;
  //weights let first_row = (WIDTH + COLUMNS - 1u) / COLUMNS;
  //weights if (row < first_row) {
  //weights   grad_weights(row, local);
  //weights   return;
  //weights }
  //weights row -= first_row;
  if (row >= ROWS) { return; }
  let first = row * WIDTH;
  let elements = f32(WIDTH) * LANES;
  let mean = stats[row].x;
  let rstd = stats[row].y;

  var sum = Lanes(0.0);
  var sum_h = Lanes(0.0);
  for (var i = local; i < WIDTH; i += WORKGROUP_SIZE) {
    let g = dy[first + i] * weight[i];
    sum += g;
    sum_h += g * (x[first + i] - mean);
  }
  let means = sum_all(local, vec2f(total(sum), total(sum_h) * rstd)) / elements;
  for (var i = local; i < WIDTH; i += WORKGROUP_SIZE) {
    let own = rstd * (dy[first + i] * weight[i] - means.x - (x[first + i] - mean) * rstd * means.y);
    dx[first + i] = added(own, first + i);
  }
}
