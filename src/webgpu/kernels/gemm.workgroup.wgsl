// Matrix product C[m, n] = SCALE * (sum over k of A[m, k] * B[n, k] + bias) + residual, all three matrices by strides.
//
// The same contract as gemm.quad.wgsl, for GPUs: tiles of A and B go through workgroup memory, each invocation keeps 4 x 4 sums. Where A's rows are
// summed, too ("sums"), the workgroups of the first columns do it, an invocation a row.
// Dispatch: x = column tiles, y = row tiles, z = SPLITS slices of the depth, each of which writes its own partial C (C_SPLIT apart) and its own
// partial sums of rows (ROWS apart).

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
const SCALE = 1.0f;
const BIAS = false;
const BIAS_BY_ROW = false;
const RESIDUAL = false;
// Whether c is added to, as it was before.
const IN_PLACE = false;
// Invocations a side of the workgroup: 8 or 16, for tiles of 32 x 32 or 64 x 64.
const THREADS = 8u;
const SPLIT_DEPTH = 16u;
const C_SPLIT = 0u;
// Where in what is bound a and b begin.
const A_FIRST = 0u;
const B_FIRST = 0u;
// How the elements of a and b are kept. 0: f32; 1: f16, two to a word; 2: bf16, two to a word.
const A_FORMAT = 0u;
const B_FORMAT = 0u;

const DEPTH = DEPTH_OUTER * DEPTH_INNER;
const TILE = 4u * THREADS;
const STEP = 16u;
// One more than the tile: neighbours in depth fall into different banks.
const PITCH = TILE + 1u;

@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read> b: array<u32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<f32>;
//sums @group(0) @binding(5) var<storage, read_write> row_sums: array<f32>;

var<workgroup> tile_a: array<f32, STEP * PITCH>;
var<workgroup> tile_b: array<f32, STEP * PITCH>;

fn load_a(row: u32, k: u32, end: u32) -> f32 {
  if (row >= ROWS || k >= end) {
    return 0.0;
  }
  return a_at(A_FIRST + row * A_ROW + (k / DEPTH_INNER) * A_DEPTH_OUTER + (k % DEPTH_INNER) * A_DEPTH);
}

fn load_b(column: u32, k: u32, end: u32) -> f32 {
  if (column >= COLUMNS || k >= end) {
    return 0.0;
  }
  return b_at(B_FIRST + (column / COLUMNS_INNER) * B_COLUMN_OUTER + (column % COLUMNS_INNER) * B_COLUMN
    + (k / DEPTH_INNER) * B_DEPTH_OUTER + (k % DEPTH_INNER) * B_DEPTH);
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
      // Neighbouring invocations read neighbouring addresses, along whichever axis has stride 1.
      let ka = select(e / TILE, e % STEP, A_DEPTH == 1u);
      let ma = select(e % TILE, e / STEP, A_DEPTH == 1u);
      tile_a[ka * PITCH + ma] = load_a(first_row + ma, k0 + ka, end);
      let kb = select(e / TILE, e % STEP, B_DEPTH == 1u);
      let nb = select(e % TILE, e / STEP, B_DEPTH == 1u);
      tile_b[kb * PITCH + nb] = load_b(first_column + nb, k0 + kb, end);
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
    store_c(row, column, group.z, sums0[j]);
    store_c(row + 1u, column, group.z, sums1[j]);
    store_c(row + 2u, column, group.z, sums2[j]);
    store_c(row + 3u, column, group.z, sums3[j]);
  }
}
