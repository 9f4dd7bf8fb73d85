// 2-D convolution as an implicit matrix product: rows are output channels, columns output pixels, depth (channel, tap). Serves conv2d
// (DILATION 1) and conv2dGradInput (weights read transposed and flipped; x is dy, which lies DILATION apart among zeros).
//
// x: [N, CHANNELS, HEIGHT, WIDTH]. weight: by strides W_ROW, W_CHANNEL, taps last. bias: [ROWS]. residual, y: [N, ROWS, OUT_HEIGHT, OUT_WIDTH].
// y = SCALE * (sum + bias) + residual. Input pixel of output pixel (oy, ox) and tap (ky, kx): (o * STRIDE + k - PAD) / DILATION.
// Only taps of the right remainder hit a pixel of a dilated input, so output pixels are done in DILATION^2 classes with their own taps.
// Dispatch: x = column tiles, y = row tiles, z = class + classes * slice of the depth (partials C_SPLIT apart).

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
const DILATION = 1u;
const PAD_TOP = 1i;
const PAD_LEFT = 1i;
const W_ROW = 36u;
const W_CHANNEL = 9u;
const FLIP = false;
const SCALE = 1.0f;
const BIAS = false;
const RESIDUAL = false;
// Whether it is one number for all pixels of a channel: [BATCH, ROWS].
const RESIDUAL_OF_CHANNEL = false;
// Whether y is added to, as it was before.
const IN_PLACE = false;
const THREADS = 8u;
const SPLIT_DEPTH = 36u;
const C_SPLIT = 0u;
// Where in what is bound the weights begin.
const W_FIRST = 0u;
// How weights are kept. 0: f32; 1: f16, two to a word; 2: bf16, two to a word.
const W_FORMAT = 0u;

const CLASSES = DILATION * DILATION;
const CLASS_HEIGHT = (OUT_HEIGHT + DILATION - 1u) / DILATION;
const CLASS_WIDTH = (OUT_WIDTH + DILATION - 1u) / DILATION;
const TAPS_Y = (KERNEL_HEIGHT + DILATION - 1u) / DILATION;
const TAPS_X = (KERNEL_WIDTH + DILATION - 1u) / DILATION;
const TAPS = TAPS_Y * TAPS_X;
const COLUMNS = BATCH * CLASS_HEIGHT * CLASS_WIDTH;
const DEPTH = CHANNELS * TAPS;
const TILE = 4u * THREADS;
const STEP = 16u;
const PITCH = TILE + 1u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<u32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

var<workgroup> tile_a: array<f32, STEP * PITCH>;
var<workgroup> tile_b: array<f32, STEP * PITCH>;

fn load_weight(row: u32, k: u32, end: u32, tap0: vec2u) -> f32 {
  let tap = k % TAPS;
  let ky = tap0.y + (tap / TAPS_X) * DILATION;
  let kx = tap0.x + (tap % TAPS_X) * DILATION;
  if (row >= ROWS || k >= end || ky >= KERNEL_HEIGHT || kx >= KERNEL_WIDTH) {
    return 0.0;
  }
  let at = ky * KERNEL_WIDTH + kx;
  return weight_at(W_FIRST + row * W_ROW + (k / TAPS) * W_CHANNEL + select(at, KERNEL_HEIGHT * KERNEL_WIDTH - 1u - at, FLIP));
}

fn load_pixel(column: u32, k: u32, end: u32, tap0: vec2u, offset: vec2u) -> f32 {
  let tap = k % TAPS;
  let oy = ((column / CLASS_WIDTH) % CLASS_HEIGHT) * DILATION + offset.y;
  let ox = (column % CLASS_WIDTH) * DILATION + offset.x;
  let py = i32(oy * STRIDE + tap0.y + (tap / TAPS_X) * DILATION) - PAD_TOP;
  let px = i32(ox * STRIDE + tap0.x + (tap % TAPS_X) * DILATION) - PAD_LEFT;
  let iy = u32(py) / DILATION;
  let ix = u32(px) / DILATION;
  if (column >= COLUMNS || k >= end || py < 0 || px < 0 || iy >= HEIGHT || ix >= WIDTH) {
    return 0.0;
  }
  let image = column / (CLASS_HEIGHT * CLASS_WIDTH);
  return x[((image * CHANNELS + k / TAPS) * HEIGHT + iy) * WIDTH + ix];
}

fn store_y(row: u32, column: u32, split: u32, offset: vec2u, sum: f32) {
  let oy = ((column / CLASS_WIDTH) % CLASS_HEIGHT) * DILATION + offset.y;
  let ox = (column % CLASS_WIDTH) * DILATION + offset.x;
  if (row >= ROWS || column >= COLUMNS || oy >= OUT_HEIGHT || ox >= OUT_WIDTH) {
    return;
  }
  let image = column / (CLASS_HEIGHT * CLASS_WIDTH);
  let at = ((image * ROWS + row) * OUT_HEIGHT + oy) * OUT_WIDTH + ox;
  var value = sum;
  if (BIAS) {
    value += bias[row];
  }
  value *= SCALE;
  if (RESIDUAL) {
    value += residual[at];
  }
  if (RESIDUAL_OF_CHANNEL) {
    value += residual[at / (OUT_HEIGHT * OUT_WIDTH)];
  }
  if (IN_PLACE) {
    value += y[at];
  }
  y[split * C_SPLIT + at] = value;
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
  let split = group.z / CLASSES;
  let offset = vec2u((group.z % CLASSES) % DILATION, (group.z % CLASSES) / DILATION);
  let tap0 = vec2u(first_tap(PAD_LEFT, offset.x), first_tap(PAD_TOP, offset.y));
  let end = min(DEPTH, (split + 1u) * SPLIT_DEPTH);
  var sums0 = vec4f();
  var sums1 = vec4f();
  var sums2 = vec4f();
  var sums3 = vec4f();
  for (var k0 = split * SPLIT_DEPTH; k0 < end; k0 += STEP) {
    for (var e = index; e < STEP * TILE; e += THREADS * THREADS) {
      // Weights are contiguous along the depth, pixels along the columns.
      tile_a[(e % STEP) * PITCH + e / STEP] = load_weight(first_row + e / STEP, k0 + e % STEP, end, tap0);
      tile_b[(e / TILE) * PITCH + e % TILE] = load_pixel(first_column + e % TILE, k0 + e / TILE, end, tap0, offset);
    }
    workgroupBarrier();
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
  for (var j = 0u; j < 4u; j++) {
    let column = first_column + local.x + j * THREADS;
    let row = first_row + local.y * 4u;
    store_y(row, column, split, offset, sums0[j]);
    store_y(row + 1u, column, split, offset, sums1[j]);
    store_y(row + 2u, column, split, offset, sums2[j]);
    store_y(row + 3u, column, split, offset, sums3[j]);
  }
}
