// dx of layerNorm.register.wgsl's `y[first + i] = (x[first + i] - mean) * rstd * weight[i] + bias[i]`. With g = dy weight and h = (x - mean) rstd,
// dx = rstd (g - mean(g) - h mean(g h)), means over the row.
// dy, x, residual, dx: [ROWS, WIDTH]; weight: [WIDTH]; stats: [ROWS] of (mean, rstd).
// One invocation a row: two serial passes, no barrier. 1-D grid folded over y. With the lines that begin with "weights" (norms.ts) the first
// workgroups make dweight and dbias: [WIDTH], one invocation a column; they take longest.

alias Lanes = vec4f; // f32 where four does not divide WIDTH (lanes.ts)
/** Elements in one Lanes. */
const LANES: f32 = 4.0;
const WORKGROUP_SIZE: u32 = 16;
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
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  var row = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  //weights let first_row = (WIDTH + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE * WORKGROUP_SIZE;
  //weights if (row < first_row) {
  //weights   if (row < WIDTH) { grad_weights(row); }
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
  for (var i = 0u; i < WIDTH; i++) {
    let g = dy[first + i] * weight[i];
    sum += g;
    sum_h += g * (x[first + i] - mean);
  }
  let mean_g = total(sum) / elements;
  let mean_gh = total(sum_h) * rstd / elements;
  for (var i = 0u; i < WIDTH; i++) {
    let own = rstd * (dy[first + i] * weight[i] - mean_g - (x[first + i] - mean) * rstd * mean_gh);
    dx[first + i] = added(own, first + i);
  }
}
