// dW of conv2d as an implicit matrix product: rows are output channels, columns (input channel, tap), depth (image, output pixel).
// Differentiates y[o, p] = sum over (c, tap) of w[o, c, tap] * x[c, p * STRIDE + tap - PAD] of conv2d.workgroup.wgsl.
//
// dy: [BATCH, ROWS, OUT_HEIGHT, OUT_WIDTH]. x: [BATCH, CHANNELS, HEIGHT, WIDTH]. dw: [ROWS, CHANNELS, KERNEL_HEIGHT, KERNEL_WIDTH].
// With the lines that begin with "sums" (summing.ts) row_sums[o] = SCALE * (sum of dy's channel o), the bias's gradient.
// Dispatch: x = column tiles, y = row tiles, z = slices of the depth (partials C_SPLIT and ROWS apart).

const BATCH = 1u;
const CHANNELS = 4u;
const HEIGHT = 8u;
const WIDTH = 8u;
const ROWS = 4u;
const OUT_HEIGHT = 8u;
const OUT_WIDTH = 8u;
const KERNEL_HEIGHT = 3u;
const KERNEL_WIDTH = 3u;
const STRIDE = 1u;
const PAD_TOP = 1i;
const PAD_LEFT = 1i;
const SCALE = 1.0f;
const THREADS = 8u;
const SPLIT_DEPTH = 64u;
const C_SPLIT = 0u;

const TAPS = KERNEL_HEIGHT * KERNEL_WIDTH;
const COLUMNS = CHANNELS * TAPS;
const PIXELS = OUT_HEIGHT * OUT_WIDTH;
const DEPTH = BATCH * PIXELS;
const TILE = 4u * THREADS;
const STEP = 16u;
const PITCH = TILE + 1u;

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;
//sums @group(0) @binding(3) var<storage, read_write> row_sums: array<f32>;

var<workgroup> tile_a: array<f32, STEP * PITCH>;
var<workgroup> tile_b: array<f32, STEP * PITCH>;

fn load_dy(row: u32, k: u32, end: u32) -> f32 {
  if (row >= ROWS || k >= end) {
    return 0.0;
  }
  return dy[((k / PIXELS) * ROWS + row) * PIXELS + k % PIXELS];
}

fn load_x(column: u32, k: u32, end: u32) -> f32 {
  let pixel = k % PIXELS;
  let tap = column % TAPS;
  let iy = i32((pixel / OUT_WIDTH) * STRIDE + tap / KERNEL_WIDTH) - PAD_TOP;
  let ix = i32((pixel % OUT_WIDTH) * STRIDE + tap % KERNEL_WIDTH) - PAD_LEFT;
  if (column >= COLUMNS || k >= end || iy < 0 || ix < 0 || iy >= i32(HEIGHT) || ix >= i32(WIDTH)) {
    return 0.0;
  }
  return x[(((k / PIXELS) * CHANNELS + column / TAPS) * HEIGHT + u32(iy)) * WIDTH + u32(ix)];
}

fn store_dw(row: u32, column: u32, split: u32, sum: f32) {
  if (row < ROWS && column < COLUMNS) {
    dw[split * C_SPLIT + row * COLUMNS + column] = SCALE * sum;
  }
}

// The first workgroup of this dispatch: a grid that would hold the GPU for long runs in turns (turns.ts).
const FIRST_X = 0u;
const FIRST_Y = 0u;
const FIRST_Z = 0u;

@compute @workgroup_size(THREADS, THREADS)
fn main(@builtin(workgroup_id) turn: vec3u, @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) index: u32) {
  let group = turn + vec3u(FIRST_X, FIRST_Y, FIRST_Z);
  let first_row = group.y * TILE;
  let first_column = group.x * TILE;
  let end = min(DEPTH, (group.z + 1u) * SPLIT_DEPTH);
  var sums0 = vec4f();
  var sums1 = vec4f();
  var sums2 = vec4f();
  var sums3 = vec4f();
  //sums let sums_rows = (group.x == 0u) & (index < TILE);
  //sums var row_sum = 0.0;
  for (var k0 = group.z * SPLIT_DEPTH; k0 < end; k0 += STEP) {
    for (var e = index; e < STEP * TILE; e += THREADS * THREADS) {
      // Both are contiguous along the depth, which is pixels.
      let k = e % STEP;
      let at = e / STEP;
      tile_a[k * PITCH + at] = load_dy(first_row + at, k0 + k, end);
      tile_b[k * PITCH + at] = load_x(first_column + at, k0 + k, end);
    }
    workgroupBarrier();
    //sums if (sums_rows) {
    //sums   for (var k = 0u; k < STEP; k++) {
    //sums     row_sum += tile_a[k * PITCH + index];
    //sums   }
    //sums }
    for (var k = 0u; k < STEP; k++) {
      let ia = k * PITCH + local.y * 4u;
      let ib = k * PITCH + local.x;
      let columns = vec4f(tile_b[ib], tile_b[ib + THREADS], tile_b[ib + 2u * THREADS], tile_b[ib + 3u * THREADS]);
      sums0 += tile_a[ia] * columns;
      sums1 += tile_a[ia + 1u] * columns;
      sums2 += tile_a[ia + 2u] * columns;
      sums3 += tile_a[ia + 3u] * columns;
    }
    workgroupBarrier();
  }
  //sums if (sums_rows & (first_row + index < ROWS)) {
  //sums   row_sums[group.z * ROWS + first_row + index] = SCALE * row_sum;
  //sums }
  for (var j = 0u; j < 4u; j++) {
    let column = first_column + local.x + j * THREADS;
    let row = first_row + local.y * 4u;
    store_dw(row, column, group.z, sums0[j]);
    store_dw(row + 1u, column, group.z, sums1[j]);
    store_dw(row + 2u, column, group.z, sums2[j]);
    store_dw(row + 3u, column, group.z, sums3[j]);
  }
}
