// 2-D convolution as an implicit matrix product: rows are output channels, columns output pixels, depth (tap, channel). No barriers.
//
// The same contract as conv2d.workgroup.wgsl (bindings, strides, classes of a dilated input). Four invocations (a quad) own a block of
// 4 * ROW_BLOCKS rows and 16 pixels; a lane loads one row's weight and shares it by swaps; its accumulator r belongs to row (r xor lane).
// Dispatch: x (folded over y) = quads of 16 pixels and row blocks, WORKGROUP_SIZE / 4 a workgroup; z = class.
enable subgroups;

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
// Where in what is bound the weights begin.
const W_FIRST = 0u;
// How weights are kept. 0: f32; 1: f16, two to a word; 2: bf16, two to a word.
const W_FORMAT = 0u;
const ROW_BLOCKS = 4u;
const WORKGROUP_SIZE = 16u;

const CLASS_HEIGHT = (OUT_HEIGHT + DILATION - 1u) / DILATION;
const CLASS_WIDTH = (OUT_WIDTH + DILATION - 1u) / DILATION;
const COLUMNS = BATCH * CLASS_HEIGHT * CLASS_WIDTH;
const PLANE = HEIGHT * WIDTH;
// Rows and channels can be swapped (W_ROW, W_CHANNEL), so that only their product is the same.
const WEIGHTS = ROWS * CHANNELS * KERNEL_HEIGHT * KERNEL_WIDTH;
const WEIGHT_WORDS = select(WEIGHTS, (WEIGHTS + 1u) / 2u, W_FORMAT > 0u);

@group(0) @binding(0) var<storage, read> x: array<f32, BATCH * CHANNELS * PLANE>;
@group(0) @binding(1) var<storage, read> weight: array<u32, WEIGHT_WORDS>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32, BATCH * ROWS * OUT_HEIGHT * OUT_WIDTH>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let lane = id.x & 3u;
  let quad = (id.x + id.y * grid.x * WORKGROUP_SIZE) / 4u;
  let column_quads = (COLUMNS + 15u) / 16u;
  let first_row = (quad / column_quads) * 4u * ROW_BLOCKS;
  let first_column = (quad % column_quads) * 16u + lane;
  let offset = vec2u(group.z % DILATION, group.z / DILATION);
  let column = min(vec4u(first_column) + vec4u(0u, 4u, 8u, 12u), vec4u(COLUMNS - 1u));
  let image = column / (CLASS_HEIGHT * CLASS_WIDTH);
  let oy = ((column / CLASS_WIDTH) % CLASS_HEIGHT) * DILATION + offset.y;
  let ox = (column % CLASS_WIDTH) * DILATION + offset.x;
  let at_row0 = min(first_row + lane, ROWS - 1u) * W_ROW + W_FIRST;
  let at_row1 = min(first_row + lane + 4u, ROWS - 1u) * W_ROW + W_FIRST;
  let at_row2 = min(first_row + lane + 8u, ROWS - 1u) * W_ROW + W_FIRST;
  let at_row3 = min(first_row + lane + 12u, ROWS - 1u) * W_ROW + W_FIRST;
  var c0 = vec4f(); var x0 = vec4f(); var y0 = vec4f(); var d0 = vec4f();
  var c1 = vec4f(); var x1 = vec4f(); var y1 = vec4f(); var d1 = vec4f();
  var c2 = vec4f(); var x2 = vec4f(); var y2 = vec4f(); var d2 = vec4f();
  var c3 = vec4f(); var x3 = vec4f(); var y3 = vec4f(); var d3 = vec4f();
  for (var ky = first_tap(PAD_TOP, offset.y); ky < KERNEL_HEIGHT; ky += DILATION) {
    for (var kx = first_tap(PAD_LEFT, offset.x); kx < KERNEL_WIDTH; kx += DILATION) {
      // A pixel in the padding reads element 0 and counts as zero.
      let py = vec4i(oy * STRIDE + ky) - PAD_TOP;
      let px = vec4i(ox * STRIDE + kx) - PAD_LEFT;
      let iy = vec4u(py) / DILATION;
      let ix = vec4u(px) / DILATION;
      let inside = (py >= vec4i()) & (px >= vec4i()) & (iy < vec4u(HEIGHT)) & (ix < vec4u(WIDTH));
      let at = select(vec4u(), image * (CHANNELS * PLANE) + iy * WIDTH + ix, inside);
      let at_x = at.x;
      let at_y = at.y;
      let at_z = at.z;
      let at_w = at.w;
      let tap = ky * KERNEL_WIDTH + kx;
      let at_tap = select(tap, KERNEL_HEIGHT * KERNEL_WIDTH - 1u - tap, FLIP);
      for (var channel = 0u; channel < CHANNELS; channel++) {
        let plane = channel * PLANE;
        let loaded = vec4f(x[at_x + plane], x[at_y + plane], x[at_z + plane], x[at_w + plane]);
        let pixel = select(vec4f(), loaded, inside);
        let at_weight = channel * W_CHANNEL + at_tap;
        let w0 = weight_at(at_row0 + at_weight);
        c0 += w0 * pixel;
        x0 += quadSwapX(w0) * pixel;
        y0 += quadSwapY(w0) * pixel;
        d0 += quadSwapDiagonal(w0) * pixel;
        if (ROW_BLOCKS > 1u) {
          let w1 = weight_at(at_row1 + at_weight);
          c1 += w1 * pixel;
          x1 += quadSwapX(w1) * pixel;
          y1 += quadSwapY(w1) * pixel;
          d1 += quadSwapDiagonal(w1) * pixel;
        }
        if (ROW_BLOCKS > 2u) {
          let w2 = weight_at(at_row2 + at_weight);
          c2 += w2 * pixel;
          x2 += quadSwapX(w2) * pixel;
          y2 += quadSwapY(w2) * pixel;
          d2 += quadSwapDiagonal(w2) * pixel;
          let w3 = weight_at(at_row3 + at_weight);
          c3 += w3 * pixel;
          x3 += quadSwapX(w3) * pixel;
          y3 += quadSwapY(w3) * pixel;
          d3 += quadSwapDiagonal(w3) * pixel;
        }
      }
    }
  }
  // One loop for all sixteen rows: an epilogue unrolled for each would be most of the code.
  var sums = array<vec4f, 16>(c0, x0, y0, d0, c1, x1, y1, d1, c2, x2, y2, d2, c3, x3, y3, d3);
  let stored = (vec4u(first_column) + vec4u(0u, 4u, 8u, 12u) < vec4u(COLUMNS)) & (oy < vec4u(OUT_HEIGHT)) & (ox < vec4u(OUT_WIDTH));
  let at_pixel = (image * (ROWS * OUT_HEIGHT) + oy) * OUT_WIDTH + ox;
  for (var r = 0u; r < 4u * ROW_BLOCKS; r++) {
    let row = first_row + (r ^ lane);
    for (var j = 0u; j < 4u; j++) {
      if (row < ROWS && stored[j]) {
        let at = at_pixel[j] + row * (OUT_HEIGHT * OUT_WIDTH);
        var value = sums[r][j];
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
        y[at] = value;
      }
    }
  }
}
