// dW of conv2d as an implicit matrix product: rows are output channels, columns (input channel, tap), depth (image, output pixel).
//
// The same contract as conv2dGradWeight.workgroup.wgsl, for GPUs: what a column's channel and tap come to is worked out once, not at each step. The
// products themselves are in shared/tile.wgsl.

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
const THREADS_X = 8u;
const THREADS_Y = 8u;
const ROW_PARTS = 2u;
const COLUMN_PARTS = 2u;
const SPLIT_DEPTH = 64u;
const C_SPLIT = 0u;

const TAPS = KERNEL_HEIGHT * KERNEL_WIDTH;
const COLUMNS = CHANNELS * TAPS;
const PIXELS = OUT_HEIGHT * OUT_WIDTH;
const DEPTH = BATCH * PIXELS;
const A_ALONG_DEPTH = true;
const B_ALONG_DEPTH = true;

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;
//sums @group(0) @binding(3) var<storage, read_write> row_sums: array<f32>;

// Of each of the four columns that an invocation loads: where its channel begins in an image of x, and the pixel that its tap adds.
var<private> channel_at: vec4i;
var<private> tap_y: vec4i;
var<private> tap_x: vec4i;

fn begin(column: u32) {
  for (var i = 0u; i < FOUR; i++) {
    let tap = (column + i) % TAPS;
    tap_y[i] = i32(tap / KERNEL_WIDTH) - PAD_TOP;
    tap_x[i] = i32(tap % KERNEL_WIDTH) - PAD_LEFT;
    channel_at[i] = (i32(((column + i) / TAPS) * HEIGHT) + tap_y[i]) * i32(WIDTH) + tap_x[i];
  }
}

fn load_a(row: u32, k: u32, end: u32) {
  for (var j = 0u; j < FOUR; j++) {
    let at = ((k + j) / PIXELS) * ROWS * PIXELS + (k + j) % PIXELS;
    for (var i = 0u; i < FOUR; i++) {
      var element = 0.0;
      if ((row + i < ROWS) & (k + j < end)) {
        element = dy[at + (row + i) * PIXELS];
      }
      next_a[j][i] = element;
    }
  }
}

fn load_b(column: u32, k: u32, end: u32) {
  for (var j = 0u; j < FOUR; j++) {
    let pixel = (k + j) % PIXELS;
    let top = i32((pixel / OUT_WIDTH) * STRIDE);
    let left = i32((pixel % OUT_WIDTH) * STRIDE);
    let at = i32(((k + j) / PIXELS) * CHANNELS * HEIGHT * WIDTH) + top * i32(WIDTH) + left;
    for (var i = 0u; i < FOUR; i++) {
      var element = 0.0;
      // What is before the image is, as an unsigned number, past it. Without &&, each of which is a branch of its own.
      if ((column + i < COLUMNS) & (k + j < end) & (u32(top + tap_y[i]) < HEIGHT) & (u32(left + tap_x[i]) < WIDTH)) {
        element = x[u32(channel_at[i] + at)];
      }
      next_b[j][i] = element;
    }
  }
}

fn store_c(row: u32, column: u32, split: u32, sum: f32) {
  if (row < ROWS && column < COLUMNS) {
    dw[split * C_SPLIT + row * COLUMNS + column] = SCALE * sum;
  }
}
