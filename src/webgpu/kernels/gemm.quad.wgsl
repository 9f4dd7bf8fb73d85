// Matrix product C[m, n] = SCALE * (sum over k of A[m, k] * B[n, k] + bias) + residual, all three matrices by strides. No barriers.
// With the lines that begin with "sums" (summing.ts) the first quad of a row of blocks writes row_sums[m] = SCALE * (sum over k of A[m, k]), too.
//
// a, b: f32 or halves, addresses below in elements. bias: by row of C (BIAS_BY_ROW) or by column. residual: like c. c: [ROWS, COLUMNS] by C strides.
// Depth k = (outer, inner) and column n = (outer, inner) may each jump at a second stride: a batch of images is one long row of pixels.
//
// Four invocations (a quad) own a block of 4 * ROW_BLOCKS rows and 16 columns. Each loads one row's element of A and shares it by
// swaps, which cost one instruction where a load costs dozens; accumulator r of a lane belongs to row (r xor lane).
// Dispatch: x = quads of 16 columns and row blocks, WORKGROUP_SIZE / 4 a workgroup.
enable subgroups;

const ROWS = 20u;
const COLUMNS = 20u;
const DEPTH_OUTER = 1u;
const DEPTH_INNER = 8u;
const A_ROW = 8u;
const A_DEPTH = 1u;
const A_DEPTH_OUTER = 0u;
const B_COLUMN = 8u;
const B_COLUMN_OUTER = 0u;
const B_DEPTH = 1u;
const B_DEPTH_OUTER = 0u;
const C_ROW = 20u;
const C_COLUMN = 1u;
const C_COLUMN_OUTER = 0u;
const COLUMNS_INNER = 20u;
const ROW_BLOCKS = 4u;
// 2 where b is kept in halves and both of a word lie one behind the other in depth: each word is then read and widened once (gemm.ts unrolls).
const K_STEP = 1u;
const SCALE = 1.0f;
const BIAS = false;
const BIAS_BY_ROW = false;
const RESIDUAL = false;
// Whether c is added to, as it was before.
const IN_PLACE = false;
const WORKGROUP_SIZE = 16u;
const A_LENGTH = 160u;
const B_LENGTH = 160u;
const C_LENGTH = 400u;
// Where in what is bound a and b begin.
const A_FIRST = 0u;
const B_FIRST = 0u;
// How the elements of a and b are kept. 0: f32; 1: f16, two to a word; 2: bf16, two to a word.
const A_FORMAT = 0u;
const B_FORMAT = 0u;

const A_WORDS = select(A_LENGTH, (A_LENGTH + 1u) / 2u, A_FORMAT > 0u);
const B_WORDS = select(B_LENGTH, (B_LENGTH + 1u) / 2u, B_FORMAT > 0u);

@group(0) @binding(0) var<storage, read> a: array<u32, A_WORDS>;
@group(0) @binding(1) var<storage, read> b: array<u32, B_WORDS>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<f32, C_LENGTH>;
//sums @group(0) @binding(5) var<storage, read_write> row_sums: array<f32, ROWS>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let lane = id.x & 3u;
  let quad = (id.x + id.y * grid.x * WORKGROUP_SIZE) / 4u;
  let column_quads = (COLUMNS + 15u) / 16u;
  let first_row = (quad / column_quads) * 4u * ROW_BLOCKS;
  let first_column = (quad % column_quads) * 16u + lane;
  // Rows and columns past the edge repeat the last one and are not stored.
  let at_a_x = min(first_row + lane + 0u, ROWS - 1u) * A_ROW + A_FIRST;
  let at_a_y = min(first_row + lane + 4u, ROWS - 1u) * A_ROW + A_FIRST;
  let at_a_z = min(first_row + lane + 8u, ROWS - 1u) * A_ROW + A_FIRST;
  let at_a_w = min(first_row + lane + 12u, ROWS - 1u) * A_ROW + A_FIRST;
  let column_x = min(first_column + 0u, COLUMNS - 1u);
  let at_b_x = (column_x / COLUMNS_INNER) * B_COLUMN_OUTER + (column_x % COLUMNS_INNER) * B_COLUMN + B_FIRST;
  let column_y = min(first_column + 4u, COLUMNS - 1u);
  let at_b_y = (column_y / COLUMNS_INNER) * B_COLUMN_OUTER + (column_y % COLUMNS_INNER) * B_COLUMN + B_FIRST;
  let column_z = min(first_column + 8u, COLUMNS - 1u);
  let at_b_z = (column_z / COLUMNS_INNER) * B_COLUMN_OUTER + (column_z % COLUMNS_INNER) * B_COLUMN + B_FIRST;
  let column_w = min(first_column + 12u, COLUMNS - 1u);
  let at_b_w = (column_w / COLUMNS_INNER) * B_COLUMN_OUTER + (column_w % COLUMNS_INNER) * B_COLUMN + B_FIRST;
  var c0 = vec4f(); var x0 = vec4f(); var y0 = vec4f(); var d0 = vec4f();
  var c1 = vec4f(); var x1 = vec4f(); var y1 = vec4f(); var d1 = vec4f();
  var c2 = vec4f(); var x2 = vec4f(); var y2 = vec4f(); var d2 = vec4f();
  var c3 = vec4f(); var x3 = vec4f(); var y3 = vec4f(); var d3 = vec4f();
  //sums var sum0 = 0.0; var sum1 = 0.0; var sum2 = 0.0; var sum3 = 0.0;
  for (var outer = 0u; outer < DEPTH_OUTER; outer++) {
    for (var k = 0u; k < DEPTH_INNER; k += K_STEP) {
      let kb = outer * B_DEPTH_OUTER + k * B_DEPTH;
      var b_x = vec2f(); var b_y = vec2f(); var b_z = vec2f(); var b_w = vec2f();
      if (K_STEP == 2u) {
        b_x = b_pair(at_b_x + kb); b_y = b_pair(at_b_y + kb); b_z = b_pair(at_b_z + kb); b_w = b_pair(at_b_w + kb);
      } else {
        b_x.x = b_at(at_b_x + kb); b_y.x = b_at(at_b_y + kb); b_z.x = b_at(at_b_z + kb); b_w.x = b_at(at_b_w + kb);
      }
      for (var i = 0u; i < K_STEP; i++) {
        let ka = outer * A_DEPTH_OUTER + (k + i) * A_DEPTH;
        let columns_k = vec4f(b_x[i], b_y[i], b_z[i], b_w[i]);
        let a0 = a_at(at_a_x + ka);
        c0 += a0 * columns_k;
        x0 += quadSwapX(a0) * columns_k;
        y0 += quadSwapY(a0) * columns_k;
        d0 += quadSwapDiagonal(a0) * columns_k;
        //sums sum0 += a0;
        if (ROW_BLOCKS > 1u) {
          let a1 = a_at(at_a_y + ka);
          c1 += a1 * columns_k;
          x1 += quadSwapX(a1) * columns_k;
          y1 += quadSwapY(a1) * columns_k;
          d1 += quadSwapDiagonal(a1) * columns_k;
          //sums sum1 += a1;
        }
        if (ROW_BLOCKS > 2u) {
          let a2 = a_at(at_a_z + ka);
          c2 += a2 * columns_k;
          x2 += quadSwapX(a2) * columns_k;
          y2 += quadSwapY(a2) * columns_k;
          d2 += quadSwapDiagonal(a2) * columns_k;
          //sums sum2 += a2;
          let a3 = a_at(at_a_w + ka);
          c3 += a3 * columns_k;
          x3 += quadSwapX(a3) * columns_k;
          y3 += quadSwapY(a3) * columns_k;
          d3 += quadSwapDiagonal(a3) * columns_k;
          //sums sum3 += a3;
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
      let column = first_column + 4u * j;
      if (row < ROWS && column < COLUMNS) {
        let at = row * C_ROW + (column / COLUMNS_INNER) * C_COLUMN_OUTER + (column % COLUMNS_INNER) * C_COLUMN;
        var value = sums[r][j];
        if (BIAS) {
          value += bias[select(column, row, BIAS_BY_ROW)];
        }
        value *= SCALE;
        if (RESIDUAL) {
          value += residual[at];
        }
        if (IN_PLACE) {
          value += c[at];
        }
        c[at] = value;
      }
    }
  }
}
