// y = (x - mean) rstd weight + bias over each row; torch.nn.LayerNorm. Two-pass statistics.
// x, y: [ROWS, WIDTH]; weight, bias: [WIDTH]; stats: [ROWS] of (mean, rstd).
// One invocation a row: three serial passes, no barrier. 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide WIDTH (lanes.ts)
/** Elements in one Lanes. */
const LANES: f32 = 4.0;
const WORKGROUP_SIZE: u32 = 16;
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
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (row >= ROWS) { return; }
  let first = row * WIDTH;
  let elements = f32(WIDTH) * LANES;

  var sum = Lanes(0.0);
  for (var i = 0u; i < WIDTH; i++) { sum += x[first + i]; }
  let mean = total(sum) / elements;
  var squares = Lanes(0.0);
  for (var i = 0u; i < WIDTH; i++) {
    let d = x[first + i] - mean;
    squares += d * d;
  }
  let rstd = 1.0 / sqrt(total(squares) / elements + EPS);
  stats[row] = vec2f(mean, rstd);
  for (var i = 0u; i < WIDTH; i++) {
    y[first + i] = (x[first + i] - mean) * rstd * weight[i] + bias[i];
  }
}
