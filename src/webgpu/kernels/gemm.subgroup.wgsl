// Matrix product C[m, n] = SCALE * (sum over k of A[m, k] * B[n, k] + bias) + residual, all three matrices by strides. No workgroup memory, no barriers.
//
// The same contract as gemm.tile.wgsl, for GPUs whose registers are broadcast within a subgroup faster than workgroup memory is read.
//
// A subgroup covers eight rows and four columns an invocation, so what it needs of A is the same for all of them: per step of four depths eight fours. Each
// invocation loads two, those of its place among four neighbours, and `subgroupBroadcast` hands them round. Four neighbours are in every subgroup, of
// whatever size, and what more of them load is the same memory; how many columns there are to a subgroup is all that its size decides.
// Lines that begin with "sized" ask for subgroups of one size where an adapter has several (gemmSubgroup.ts).
// Dispatch: x = WORKGROUP_SIZE invocations of subgroups that go down the rows of their columns, then to the next ones, folded to y after GRID_X;
// z = slices of the depth.
enable subgroups;
//sized enable subgroup_size_control;

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
const WORKGROUP_SIZE = 128u;
//sized const SUBGROUP_SIZE = 16u;
const GRID_X = 1u;
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
const FOUR = 4u;
// Rows of a subgroup, and fours of A that a step takes.
const EIGHT = 8u;
const HELD = 2u;
const ROW_BLOCKS = (ROWS + EIGHT - 1u) / EIGHT;
// Where neither matrix is read along the depth, a step may go past its end.
const RAGGED = DEPTH % FOUR != 0u;

// The first workgroup of this dispatch: a grid that would hold the GPU for long runs in turns (turns.ts).
const FIRST_X = 0u;
const FIRST_Y = 0u;
const FIRST_Z = 0u;

@group(0) @binding(0) var<storage, read> a: array<AWords>;
@group(0) @binding(1) var<storage, read> b: array<BWords>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<f32>;

fn four_of_a(at: u32, within: bool) -> vec4f {
  if (RAGGED && !within) {
    return vec4f();
  }
  return wholes(a[at / 4u], A_FORMAT);
}

fn four_of_b(at: u32, within: bool) -> vec4f {
  if (RAGGED && !within) {
    return vec4f();
  }
  return wholes(b[at / 4u], B_FORMAT);
}

fn depth_of_a(k: u32) -> u32 {
  if (DEPTH_OUTER == 1u) {
    return k * A_DEPTH;
  }
  return (k / DEPTH_INNER) * A_DEPTH_OUTER + (k % DEPTH_INNER) * A_DEPTH;
}

fn depth_of_b(k: u32) -> u32 {
  if (DEPTH_OUTER == 1u) {
    return k * B_DEPTH;
  }
  return (k / DEPTH_INNER) * B_DEPTH_OUTER + (k % DEPTH_INNER) * B_DEPTH;
}

@compute @workgroup_size(WORKGROUP_SIZE)
//sized @subgroup_size(SUBGROUP_SIZE)
fn main(
  @builtin(workgroup_id) turn: vec3u,
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_size) size: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let group = FIRST_X + turn.x + (FIRST_Y + turn.y) * GRID_X;
  let split = FIRST_Z + turn.z;
  let start = split * SPLIT_DEPTH;
  let end = min(DEPTH, start + SPLIT_DEPTH);
  // There are workgroups for the most wasteful size of subgroups.
  if ((group * (WORKGROUP_SIZE / size) / ROW_BLOCKS) * size * FOUR >= COLUMNS) {
    return;
  }
  // Of the whole grid. Subgroups are ranges of a workgroup's invocations.
  let subgroup = subgroupBroadcastFirst((group * WORKGROUP_SIZE + index) / size);
  let first_row = (subgroup % ROW_BLOCKS) * EIGHT;
  let first_column = ((subgroup / ROW_BLOCKS) * size + lane) * FOUR;
  // Rows and columns past the edge repeat the last ones and are not stored.
  var at_a: array<u32, HELD>;
  var deeper_a: array<u32, HELD>;
  for (var h = 0u; h < HELD; h++) {
    let four = FOUR * h + lane % FOUR;
    if (A_ALONG_DEPTH) {
      at_a[h] = A_FIRST + min(first_row + four, ROWS - 1u) * A_ROW;
    } else {
      // A multiple of four.
      at_a[h] = A_FIRST + min(first_row + FOUR * (four % 2u), max(ROWS, FOUR) - FOUR) * A_ROW;
      deeper_a[h] = four / 2u;
    }
  }
  var at_b: array<u32, FOUR>;
  for (var j = 0u; j < FOUR; j++) {
    let column = min(first_column + j, COLUMNS - 1u);
    at_b[j] = B_FIRST + (column / COLUMNS_INNER) * B_COLUMN_OUTER + (column % COLUMNS_INNER) * B_COLUMN;
  }
  var sums: array<vec4f, EIGHT>;
  for (var k = start; k < end; k += FOUR) {
    var held: array<vec4f, HELD>;
    for (var h = 0u; h < HELD; h++) {
      held[h] = four_of_a(at_a[h] + depth_of_a(k + deeper_a[h]), k + deeper_a[h] < end);
    }
    var columns: array<vec4f, FOUR>;
    if (B_ALONG_DEPTH) {
      let at = depth_of_b(k);
      columns = transposed(four_of_b(at_b[0] + at, true), four_of_b(at_b[1] + at, true), four_of_b(at_b[2] + at, true), four_of_b(at_b[3] + at, true));
    } else {
      for (var j = 0u; j < FOUR; j++) {
        columns[j] = four_of_b(at_b[0] + depth_of_b(k + j), k + j < end);
      }
    }
    for (var f = 0u; f < EIGHT; f++) {
      let four = subgroupBroadcast(held[f / FOUR], f % FOUR);
      for (var j = 0u; j < FOUR; j++) {
        if (A_ALONG_DEPTH) {
          sums[f] += four[j] * columns[j];
        } else {
          sums[FOUR * (f % 2u) + j] += four[j] * columns[f / 2u];
        }
      }
    }
  }
  for (var f = 0u; f < EIGHT; f++) {
    for (var j = 0u; j < FOUR; j++) {
      store_c(first_row + f, first_column + j, split, sums[f][j]);
    }
  }
}
