// dW of conv2d as an implicit matrix product: rows are output channels, columns (input channel, tap), depth (image, output pixel). No
// barriers. The same contract as conv2dGradWeight.workgroup.wgsl; of dy's sums those of the first quad of a row of blocks are written.
//
// Four invocations (a quad) own a block of 4 * ROW_BLOCKS rows and 16 columns; a lane loads one row's dy and shares it by swaps; its
// accumulator r belongs to row (r xor lane). Dispatch: x (folded over y) = quads of 16 columns and row blocks, WORKGROUP_SIZE / 4 a group.
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
const PAD_TOP = 1i;
const PAD_LEFT = 1i;
const SCALE = 1.0f;
const ROW_BLOCKS = 4u;
const WORKGROUP_SIZE = 16u;

const TAPS = KERNEL_HEIGHT * KERNEL_WIDTH;
const COLUMNS = CHANNELS * TAPS;
const PIXELS = OUT_HEIGHT * OUT_WIDTH;
const PLANE = HEIGHT * WIDTH;

@group(0) @binding(0) var<storage, read> dy: array<f32, BATCH * ROWS * PIXELS>;
@group(0) @binding(1) var<storage, read> x: array<f32, BATCH * CHANNELS * PLANE>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32, ROWS * COLUMNS>;
//sums @group(0) @binding(3) var<storage, read_write> row_sums: array<f32, ROWS>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let lane = id.x & 3u;
  let quad = (id.x + id.y * grid.x * WORKGROUP_SIZE) / 4u;
  let column_quads = (COLUMNS + 15u) / 16u;
  let first_row = (quad / column_quads) * 4u * ROW_BLOCKS;
  let first_column = (quad % column_quads) * 16u + lane;
  let column = min(vec4u(first_column) + vec4u(0u, 4u, 8u, 12u), vec4u(COLUMNS - 1u));
  let tap = column % TAPS;
  let tap_y = vec4i(tap / KERNEL_WIDTH) - PAD_TOP;
  let tap_x = vec4i(tap % KERNEL_WIDTH) - PAD_LEFT;
  let at_channel = (column / TAPS) * PLANE;
  let at_row0 = min(first_row + lane, ROWS - 1u) * PIXELS;
  let at_row1 = min(first_row + lane + 4u, ROWS - 1u) * PIXELS;
  let at_row2 = min(first_row + lane + 8u, ROWS - 1u) * PIXELS;
  let at_row3 = min(first_row + lane + 12u, ROWS - 1u) * PIXELS;
  var c0 = vec4f(); var x0 = vec4f(); var y0 = vec4f(); var d0 = vec4f();
  var c1 = vec4f(); var x1 = vec4f(); var y1 = vec4f(); var d1 = vec4f();
  var c2 = vec4f(); var x2 = vec4f(); var y2 = vec4f(); var d2 = vec4f();
  var c3 = vec4f(); var x3 = vec4f(); var y3 = vec4f(); var d3 = vec4f();
  //sums var sum0 = 0.0; var sum1 = 0.0; var sum2 = 0.0; var sum3 = 0.0;
  for (var image = 0u; image < BATCH; image++) {
    for (var oy = 0u; oy < OUT_HEIGHT; oy++) {
      let iy = vec4i(i32(oy * STRIDE)) + tap_y;
      let row_inside = (iy >= vec4i()) & (iy < vec4i(i32(HEIGHT)));
      let at_line = image * CHANNELS * PLANE + at_channel + vec4u(iy) * WIDTH;
      for (var ox = 0u; ox < OUT_WIDTH; ox++) {
        // A pixel in the padding reads element 0 and counts as zero.
        let ix = vec4i(i32(ox * STRIDE)) + tap_x;
        let inside = row_inside & (ix >= vec4i()) & (ix < vec4i(i32(WIDTH)));
        let at = select(vec4u(), at_line + vec4u(ix), inside);
        let pixel = select(vec4f(), vec4f(x[at.x], x[at.y], x[at.z], x[at.w]), inside);
        let at_dy = image * ROWS * PIXELS + oy * OUT_WIDTH + ox;
        let g0 = dy[at_row0 + at_dy];
        c0 += g0 * pixel;
        x0 += quadSwapX(g0) * pixel;
        y0 += quadSwapY(g0) * pixel;
        d0 += quadSwapDiagonal(g0) * pixel;
        //sums sum0 += g0;
        if (ROW_BLOCKS > 1u) {
          let g1 = dy[at_row1 + at_dy];
          c1 += g1 * pixel;
          x1 += quadSwapX(g1) * pixel;
          y1 += quadSwapY(g1) * pixel;
          d1 += quadSwapDiagonal(g1) * pixel;
          //sums sum1 += g1;
        }
        if (ROW_BLOCKS > 2u) {
          let g2 = dy[at_row2 + at_dy];
          c2 += g2 * pixel;
          x2 += quadSwapX(g2) * pixel;
          y2 += quadSwapY(g2) * pixel;
          d2 += quadSwapDiagonal(g2) * pixel;
          //sums sum2 += g2;
          let g3 = dy[at_row3 + at_dy];
          c3 += g3 * pixel;
          x3 += quadSwapX(g3) * pixel;
          y3 += quadSwapY(g3) * pixel;
          d3 += quadSwapDiagonal(g3) * pixel;
          //sums sum3 += g3;
        }
      }
    }
  }
  //sums if (first_column == lane) {
  //sums   let row_sum = vec4f(sum0, sum1, sum2, sum3);
  //sums   for (var j = 0u; j < ROW_BLOCKS; j++) {
  //sums     let row = first_row + lane + 4u * j;
  //sums     if (row < ROWS) {
  //sums       row_sums[row] = SCALE * row_sum[j];
  //sums     }
  //sums   }
  //sums }
  // One loop for all sixteen rows: an epilogue unrolled for each would be most of the code.
  var sums = array<vec4f, 16>(c0, x0, y0, d0, c1, x1, y1, d1, c2, x2, y2, d2, c3, x3, y3, d3);
  for (var r = 0u; r < 4u * ROW_BLOCKS; r++) {
    let row = first_row + (r ^ lane);
    for (var j = 0u; j < 4u; j++) {
      let own = first_column + 4u * j;
      if (row < ROWS && own < COLUMNS) {
        dw[row * COLUMNS + own] = SCALE * sums[r][j];
      }
    }
  }
}
