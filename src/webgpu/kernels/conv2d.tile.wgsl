// 2-D convolution as an implicit matrix product: rows are output channels, columns output pixels, depth (channel, tap). Serves conv2d and, where its
// stride is 1, conv2dGradInput (weights read transposed and flipped).
//
// The same contract as conv2d.workgroup.wgsl without dilation, for GPUs: where a column's pixels lie, and which of its taps hit the image, is worked out
// once, not at each step. The products themselves are in shared/tile.wgsl, the reading of weights in shared/weightOnes.wgsl or weightFours.wgsl.

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
const W_ROW = 36u;
const W_CHANNEL = 9u;
const FLIP = false;
// Whether depth runs through four channels before the next tap, so that four depths have one tap; channels are a multiple of four then.
const TAP_OF_FOURS = false;
const SCALE = 1.0f;
const BIAS = false;
const RESIDUAL = false;
// Whether it is one number for all pixels of a channel: [BATCH, ROWS].
const RESIDUAL_OF_CHANNEL = false;
// Whether y is added to, as it was before.
const IN_PLACE = false;
const THREADS_X = 8u;
const THREADS_Y = 8u;
const ROW_PARTS = 2u;
const COLUMN_PARTS = 2u;
const SPLIT_DEPTH = 48u;
const C_SPLIT = 0u;
// Where in what is bound the weights begin.
const W_FIRST = 0u;
// How weights are kept. 0: f32; 1: f16, two to a word; 2: bf16, two to a word.
const W_FORMAT = 0u;

const DILATION = 1u;
const TAPS = KERNEL_HEIGHT * KERNEL_WIDTH;
const PIXELS = OUT_HEIGHT * OUT_WIDTH;
const COLUMNS = BATCH * PIXELS;
const DEPTH = CHANNELS * TAPS;
const A_ALONG_DEPTH = true;
const B_ALONG_DEPTH = false;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

// Of each of the four columns that an invocation loads: where its first tap lies in x (which may be before it), and a bit a tap that hits the image.
var<private> first_pixel: vec4i;
var<private> hits: vec4u;

fn begin(column: u32) {
  for (var i = 0u; i < FOUR; i++) {
    let at = column + i;
    let top = i32(((at / OUT_WIDTH) % OUT_HEIGHT) * STRIDE) - PAD_TOP;
    let left = i32((at % OUT_WIDTH) * STRIDE) - PAD_LEFT;
    first_pixel[i] = (i32((at / PIXELS) * CHANNELS * HEIGHT) + top) * i32(WIDTH) + left;
    var bits = 0u;
    for (var tap = 0u; tap < TAPS; tap++) {
      // What is before the image is, as an unsigned number, past it.
      let inside = at < COLUMNS && u32(top + i32(tap / KERNEL_WIDTH)) < HEIGHT && u32(left + i32(tap % KERNEL_WIDTH)) < WIDTH;
      bits |= u32(inside) << tap;
    }
    hits[i] = bits;
  }
}

// Four channels at one tap.
fn load_b_of_fours(k: u32, end: u32) {
  let tap = (k / FOUR) % TAPS;
  let at = i32((k / FOUR / TAPS) * FOUR * HEIGHT * WIDTH + (tap / KERNEL_WIDTH) * WIDTH + tap % KERNEL_WIDTH);
  next_b = array<vec4f, 4>();
  for (var i = 0u; i < FOUR; i++) {
    if ((((hits[i] >> tap) & 1u) == 1u) & (k < end)) {
      for (var j = 0u; j < FOUR; j++) {
        next_b[j][i] = x[u32(first_pixel[i] + at) + j * HEIGHT * WIDTH];
      }
    }
  }
}

fn load_b(column: u32, k: u32, end: u32) {
  if (TAP_OF_FOURS) {
    load_b_of_fours(k, end);
    return;
  }
  for (var j = 0u; j < FOUR; j++) {
    let tap = (k + j) % TAPS;
    let at = i32(((k + j) / TAPS) * HEIGHT * WIDTH + (tap / KERNEL_WIDTH) * WIDTH + tap % KERNEL_WIDTH);
    for (var i = 0u; i < FOUR; i++) {
      var element = 0.0;
      if ((((hits[i] >> tap) & 1u) == 1u) & (k + j < end)) {
        element = x[u32(first_pixel[i] + at)];
      }
      next_b[j][i] = element;
    }
  }
}

fn store_c(row: u32, column: u32, split: u32, sum: f32) {
  if (row >= ROWS || column >= COLUMNS) {
    return;
  }
  let at = ((column / PIXELS) * ROWS + row) * PIXELS + column % PIXELS;
  var value = sum;
  if (BIAS) {
    value += bias[row];
  }
  value *= SCALE;
  if (RESIDUAL) {
    value += residual[at];
  }
  if (RESIDUAL_OF_CHANNEL) {
    value += residual[at / PIXELS];
  }
  if (IN_PLACE) {
    value += y[at];
  }
  y[split * C_SPLIT + at] = value;
}
