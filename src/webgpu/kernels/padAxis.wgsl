// y = zeros with y[row, START : START + WIDTH] = x[row, :]: the transpose of slice.wgsl's `y[i] = x[i + row * (ROW - WIDTH) + START]`.
// x: [ROWS, WIDTH]; y: [ROWS, ROW]; widths counted in Lanes.
// One invocation an element of y (four with Lanes = vec4f), 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide the widths (lanes.ts)
const WORKGROUP_SIZE: u32 = 64;
const ROWS: u32 = 1;
const WIDTH: u32 = 1;
const ROW: u32 = 1;
const START: u32 = 0;

@group(0) @binding(0) var<storage, read> x: array<Lanes>;
@group(0) @binding(1) var<storage, read_write> y: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= ROWS * ROW) { return; }
  let row = i / ROW;
  let column = i - row * ROW;
  let inside = column >= START && column < START + WIDTH;
  let source = select(0u, row * WIDTH + column - START, inside);
  y[i] = select(Lanes(0.0), x[source], inside);
}
