// Two neighbouring parts of x: a[row, :] | b[row, :] = x[row, START : START + WIDTH_A + WIDTH_B]. Axes behind the one that is split are merged into it.
// x: [ROWS, ROW]; a: [ROWS, WIDTH_A]; b: [ROWS, WIDTH_B]; widths counted in Lanes.
// One invocation an element of a and b (four with Lanes = vec4f), 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide the widths (lanes.ts)
const WORKGROUP_SIZE: u32 = 64;
const ROWS: u32 = 1;
const WIDTH_A: u32 = 1;
const WIDTH_B: u32 = 1;
const ROW: u32 = 2;
const START: u32 = 0;

@group(0) @binding(0) var<storage, read> x: array<Lanes>;
@group(0) @binding(1) var<storage, read_write> a: array<Lanes>;
@group(0) @binding(2) var<storage, read_write> b: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= ROWS * (WIDTH_A + WIDTH_B)) { return; }
  let row = i / (WIDTH_A + WIDTH_B);
  let column = i - row * (WIDTH_A + WIDTH_B);
  let value = x[row * ROW + START + column];
  if (column < WIDTH_A) {
    a[row * WIDTH_A + column] = value;
  } else {
    b[row * WIDTH_B + column - WIDTH_A] = value;
  }
}
