// Matrix product C[m, n] = SCALE * (sum over k of A[m, k] * B[n, k] + bias) + residual, all three matrices by strides.
//
// The same contract as gemm.tile.wgsl, for GPUs that multiply small matrices which lie spread over the invocations of a subgroup.
//
// A workgroup covers TILE_ROWS x TILE_COLUMNS and takes the depth in steps of 16, which lie in workgroup memory between two barriers; while one is
// multiplied the next is on its way to registers. Each of the first SUBGROUPS subgroups keeps ROW_PARTS x COLUMN_PARTS matrices of M x N sums that lie
// side by side; one of them is added to by M x K of A times K x N of B. Where an adapter makes more and smaller subgroups, the others only carry. The sums
// leave by way of workgroup memory, too, a row of matrices at a time, so nothing is read or written past an edge.
// Strides of what matrices are read from are multiples of 16 bytes, as is every place that one begins at.
// Lines that end with "whole" are those of f32, lines that begin with "half" those of f16 (tile.ts `heldAs`, tileHalf.wgsl): operands are halves there, sums
// are not. Each operand is brought by a power of two to where the largest of all its steps so far lies below 64; where a step is larger than those before,
// the sums are brought to its scale, which is the same for all of a workgroup, though no compiler can see it.
// Lines that begin with "sized" ask for subgroups of 32 where an adapter has larger ones, too.
// Dispatch: x = column tiles, y = row tiles, z = slices of the depth.
enable subgroups;
enable chromium_experimental_subgroup_matrix;
//sized enable subgroup_size_control;
//half diagnostic(off, chromium.subgroup_matrix_uniformity);

// What is read at once of a and b: vec2u where two elements lie in a word.
alias AWords = vec4u;
alias BWords = vec4u;

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
// Rows of a matrix of A, columns of one of B, and their depth.
const M = 8u;
const N = 8u;
const K = 8u;
// Subgroups of a tile side by side, and matrices of each.
const SUBGROUPS_X = 2u;
const SUBGROUPS_Y = 2u;
const ROW_PARTS = 4u;
const COLUMN_PARTS = 4u;
const SPLIT_DEPTH = 16u;
const C_SPLIT = 0u;
// Where in what is bound a and b begin.
const A_FIRST = 0u;
const B_FIRST = 0u;
// How the elements of a and b are kept. 0: f32; 1: f16, two to a word; 2: bf16, two to a word.
const A_FORMAT = 0u;
const B_FORMAT = 0u;

const DEPTH = DEPTH_OUTER * DEPTH_INNER;
const A_ALONG_DEPTH = A_DEPTH == 1u;
const B_ALONG_DEPTH = B_DEPTH == 1u;
const WORKGROUP_SIZE = 128u;
const SUBGROUPS = SUBGROUPS_X * SUBGROUPS_Y;
const TILE_ROWS = M * ROW_PARTS * SUBGROUPS_Y;
const TILE_COLUMNS = N * COLUMN_PARTS * SUBGROUPS_X;
const STEP = 16u;
const FOUR = 4u;
// Blocks of a step: four depths of four rows or columns.
const A_BLOCKS = STEP * TILE_ROWS / 16u;
const B_BLOCKS = STEP * TILE_COLUMNS / 16u;
const FIRST_OF_B = WORKGROUP_SIZE - B_BLOCKS;
// Numbers in an element of workgroup memory; halves lie there in fours, so that a compiler knows how they are aligned.
const LANES = 1u; // whole
//half const LANES = 4u;
// 16 bytes more than a step: neighbouring rows fall into different banks.
const PITCH = STEP + 4u; // whole
//half const PITCH = (STEP + 8u) / LANES;

alias Held = f32; // whole
//half alias Held = f16;
alias Kept = f32; // whole
//half alias Kept = vec4h;
alias Left = subgroup_matrix_left<Held, K, M>;
alias Right = subgroup_matrix_right<Held, N, K>;
alias Sums = subgroup_matrix_result<f32, N, M>;

@group(0) @binding(0) var<storage, read> a: array<AWords>;
@group(0) @binding(1) var<storage, read> b: array<BWords>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<f32>;

// Rows of A and columns of B, each a step deep: so tensor cores take them.
var<workgroup> tile_a: array<Kept, TILE_ROWS * PITCH>;
var<workgroup> tile_b: array<Kept, TILE_COLUMNS * PITCH>;
// Of each row of subgroups the sums of a row of matrices.
var<workgroup> made: array<f32, M * SUBGROUPS_Y * TILE_COLUMNS>;

// The first workgroup of this dispatch: a grid that would hold the GPU for long runs in turns (turns.ts).
const FIRST_X = 0u;
const FIRST_Y = 0u;
const FIRST_Z = 0u;

@compute @workgroup_size(WORKGROUP_SIZE)
//sized @subgroup_size(32)
fn main(@builtin(workgroup_id) turn: vec3u, @builtin(local_invocation_index) index: u32, @builtin(subgroup_id) subgroup: u32) {
  let group = turn + vec3u(FIRST_X, FIRST_Y, FIRST_Z);
  let first_row = group.y * TILE_ROWS;
  let first_column = group.x * TILE_COLUMNS;
  let start = group.z * SPLIT_DEPTH;
  let end = min(DEPTH, start + SPLIT_DEPTH);
  let block_a = block_of(index, TILE_ROWS / 4u, A_ALONG_DEPTH);
  let index_b = index - FIRST_OF_B;
  let block_b = block_of(index_b, TILE_COLUMNS / 4u, B_ALONG_DEPTH);
  let carries_a = index < A_BLOCKS;
  let carries_b = index >= FIRST_OF_B;
  let row = first_row + 4u * block_a.y;
  let column = first_column + 4u * block_b.y;
  if (carries_a) {
    load_a(row, start + 4u * block_a.x, end);
  }
  if (carries_b) {
    load_b(column, start + 4u * block_b.x, end);
  }
  //half measure(0u, carries_a, carries_b);
  let own_row = M * ROW_PARTS * (subgroup / SUBGROUPS_X);
  let own_column = N * COLUMN_PARTS * (subgroup % SUBGROUPS_X);
  var sums: array<Sums, ROW_PARTS * COLUMN_PARTS>;
  //half var exponents = vec2u();
  for (var k0 = start; k0 < end; k0 += STEP) {
    workgroupBarrier();
    //half let before = exponents.x + exponents.y;
    //half exponents = vec2u(exponent_of(atomicLoad(&reach_a[0])), exponent_of(atomicLoad(&reach_b[0])));
    //half let shrunk = exponents.x + exponents.y - before;
    //half if ((shrunk > 0u) & (k0 > start) & (subgroup < SUBGROUPS)) {
    //half   let factor = bitcast<f32>(select(0u, (127u - shrunk) << 23u, shrunk < 127u));
    //half   for (var p = 0u; p < ROW_PARTS; p++) {
    //half     for (var q = 0u; q < COLUMN_PARTS; q++) {
    //half       sums[p * COLUMN_PARTS + q] = subgroupMatrixScalarMultiply(sums[p * COLUMN_PARTS + q], factor);
    //half     }
    //half   }
    //half }
    if (carries_a) {
      //half let factor = shrinking(exponents.x);
      for (var i = 0u; i < FOUR; i++) {
        let at = (4u * block_a.y + i) * PITCH + 4u * block_a.x / LANES;
        for (var j = 0u; j < FOUR; j++) { tile_a[at + j] = next_a[j][i]; } // whole
        //half tile_a[at] = vec4h(factor * vec4f(next_a[0][i], next_a[1][i], next_a[2][i], next_a[3][i]));
      }
    }
    if (carries_b) {
      //half let factor = shrinking(exponents.y);
      for (var i = 0u; i < FOUR; i++) {
        let at = (4u * block_b.y + i) * PITCH + 4u * block_b.x / LANES;
        for (var j = 0u; j < FOUR; j++) { tile_b[at + j] = next_b[j][i]; } // whole
        //half tile_b[at] = vec4h(factor * vec4f(next_b[0][i], next_b[1][i], next_b[2][i], next_b[3][i]));
      }
    }
    workgroupBarrier();
    if (k0 + STEP < end) {
      if (carries_a) {
        load_a(row, k0 + STEP + 4u * block_a.x, end);
      }
      if (carries_b) {
        load_b(column, k0 + STEP + 4u * block_b.x, end);
      }
    }
    if (subgroup < SUBGROUPS) {
      for (var d = 0u; d < STEP; d += K) {
        var rights: array<Right, COLUMN_PARTS>;
        for (var q = 0u; q < COLUMN_PARTS; q++) {
          rights[q] = subgroupMatrixLoad<Right, col_major>(&tile_b, (own_column + N * q) * PITCH + d / LANES, PITCH);
        }
        for (var p = 0u; p < ROW_PARTS; p++) {
          let left = subgroupMatrixLoad<Left, row_major>(&tile_a, (own_row + M * p) * PITCH + d / LANES, PITCH);
          for (var q = 0u; q < COLUMN_PARTS; q++) {
            sums[p * COLUMN_PARTS + q] = subgroupMatrixMultiplyAccumulate(left, rights[q], sums[p * COLUMN_PARTS + q]);
          }
        }
      }
    }
    //half if (k0 + STEP < end) {
    //half   measure(0u, carries_a, carries_b);
    //half }
  }
  for (var p = 0u; p < ROW_PARTS; p++) {
    workgroupBarrier();
    if (subgroup < SUBGROUPS) {
      let at = M * (subgroup / SUBGROUPS_X) * TILE_COLUMNS + own_column;
      for (var q = 0u; q < COLUMN_PARTS; q++) {
        subgroupMatrixStore<row_major>(&made, at + N * q, sums[p * COLUMN_PARTS + q], TILE_COLUMNS);
      }
    }
    workgroupBarrier();
    for (var i = index; i < M * SUBGROUPS_Y * TILE_COLUMNS; i += WORKGROUP_SIZE) {
      let y = i / TILE_COLUMNS;
      var sum = made[i];
      //half sum *= growing(exponents.x);
      //half sum *= growing(exponents.y);
      store_c(first_row + M * (ROW_PARTS * (y / M) + p) + y % M, first_column + i % TILE_COLUMNS, group.z, sum);
    }
  }
}
