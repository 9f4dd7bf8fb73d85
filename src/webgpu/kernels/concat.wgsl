// Two neighbours of a concatenation: y[row, START ...] = [a[row, :] | b[row, :]]. Axes behind the concatenated one are merged into it.
// a: [ROWS, WIDTH_A]; b: [ROWS, WIDTH_B]; y: [ROWS, ROW], of which [START, START + WIDTH_A + WIDTH_B) is written; widths counted in Lanes.
// One invocation an element of a and b (four with Lanes = vec4f), 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide the widths (lanes.ts)
const WORKGROUP_SIZE: u32 = 64;
const ROWS: u32 = 1;
const WIDTH_A: u32 = 1;
const WIDTH_B: u32 = 1;
const ROW: u32 = 2;
const START: u32 = 0;

@group(0) @binding(0) var<storage, read> a: array<Lanes>;
@group(0) @binding(1) var<storage, read> b: array<Lanes>;
@group(0) @binding(2) var<storage, read_write> y: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= ROWS * (WIDTH_A + WIDTH_B)) { return; }
  let row = i / (WIDTH_A + WIDTH_B);
  let column = i - row * (WIDTH_A + WIDTH_B);
  var value: Lanes;
  if (column < WIDTH_A) {
    value = a[row * WIDTH_A + column];
  } else {
    value = b[row * WIDTH_B + column - WIDTH_A];
  }
  y[row * ROW + START + column] = value;
}
