// y[n, c, i, j] = x[n, c, floor(i HEIGHT / HEIGHT_OUT), floor(j WIDTH / WIDTH_OUT)]. torch interpolate(mode='nearest', size).
// x: [PLANES, HEIGHT, WIDTH]; y: [PLANES, HEIGHT_OUT, WIDTH_OUT], each size at least x's.
// One invocation an element of x, which writes every place it shows at: fewer index divisions than one an element of y. 1-D grid folded over y.

const WORKGROUP_SIZE: u32 = 64;
const PLANES: u32 = 1;
const HEIGHT: u32 = 1;
const WIDTH: u32 = 1;
const HEIGHT_OUT: u32 = 2;
const WIDTH_OUT: u32 = 2;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= PLANES * HEIGHT * WIDTH) { return; }
  let row = i / WIDTH;
  let column = i - row * WIDTH;
  let plane = row / HEIGHT;
  let left = first(column, WIDTH, WIDTH_OUT);
  let right = first(column + 1u, WIDTH, WIDTH_OUT);
  let top = first(row - plane * HEIGHT, HEIGHT, HEIGHT_OUT);
  let bottom = first(row - plane * HEIGHT + 1u, HEIGHT, HEIGHT_OUT);
  let value = x[i];
  for (var oy = top; oy < bottom; oy++) {
    let line = (plane * HEIGHT_OUT + oy) * WIDTH_OUT;
    for (var ox = left; ox < right; ox++) { y[line + ox] = value; }
  }
}
