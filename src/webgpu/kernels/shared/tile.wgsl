// The middle of a matrix product for GPUs. A kernel says with `begin`, `load_a`, `load_b` and `store_c` what it is a product of.
//
// A workgroup covers TILE_ROWS x TILE_COLUMNS. Each invocation keeps ROW_PARTS x COLUMN_PARTS blocks of 4 x 4 sums, a part of the tile apart, so that
// neighbours read neighbouring fours of workgroup memory. What a step takes of A and B is carried in blocks of 4 x 4, at most one of each an invocation,
// and while it is multiplied the next is on its way to registers. Four reads of fours make 64 multiply-adds.
// With one buffer a step is 16 deep and lies between two barriers. With two it is 8 deep and has one barrier: the step after it is written to the other
// buffer while it is multiplied, and what comes then is under way. Depths are added up in one order in either.
// Lines that end with "whole" are those of f32, lines that begin with "half" those of f16 (tile.ts `heldAs`, tileHalf.wgsl); lines that begin with
// "sums" add up A's rows, too, in the workgroups of the first columns, an invocation a row (summing.ts; in f32).
// Dispatch: x = column tiles, y = row tiles, z = slices of the depth.

const TILE_ROWS = 4u * ROW_PARTS * THREADS_Y;
const TILE_COLUMNS = 4u * COLUMN_PARTS * THREADS_X;
const BUFFERS = 1u;
const STEP = 16u / BUFFERS;
const FOUR = 4u;
// Blocks of a step.
const A_BLOCKS = STEP * TILE_ROWS / 16u;
const B_BLOCKS = STEP * TILE_COLUMNS / 16u;
// The first invocation that carries one of B. There are enough for those of half a step to have one block each.
const FIRST_OF_B = select(0u, THREADS_X * THREADS_Y - B_BLOCKS, BUFFERS > 1u);
// Turns of the inner loop that are written out.
const K_WRITTEN = 4u;
// In fours. One more than the tile: blocks of neighbouring depth fall into different banks.
const A_PITCH = TILE_ROWS / 4u + 1u;
const B_PITCH = TILE_COLUMNS / 4u + 1u;

alias Held = vec4f; // whole
//half alias Held = vec4h;

var<workgroup> tile_a: array<Held, BUFFERS * STEP * A_PITCH>;
var<workgroup> tile_b: array<Held, BUFFERS * STEP * B_PITCH>;

// The first workgroup of this dispatch: a grid that would hold the GPU for long runs in turns (turns.ts).
const FIRST_X = 0u;
const FIRST_Y = 0u;
const FIRST_Z = 0u;

fn put_a(at: u32, factor: f32) {
  for (var j = 0u; j < FOUR; j++) {
    tile_a[at + j * A_PITCH] = next_a[j]; // whole
    //half tile_a[at + j * A_PITCH] = vec4h(factor * next_a[j]);
  }
}

fn put_b(at: u32, factor: f32) {
  for (var j = 0u; j < FOUR; j++) {
    tile_b[at + j * B_PITCH] = next_b[j]; // whole
    //half tile_b[at + j * B_PITCH] = vec4h(factor * next_b[j]);
  }
}

@compute @workgroup_size(THREADS_X, THREADS_Y)
fn main(@builtin(workgroup_id) turn: vec3u, @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) index: u32) {
  let group = turn + vec3u(FIRST_X, FIRST_Y, FIRST_Z);
  let first_row = group.y * TILE_ROWS;
  let first_column = group.x * TILE_COLUMNS;
  let start = group.z * SPLIT_DEPTH;
  let end = min(DEPTH, start + SPLIT_DEPTH);
  let block_a = block_of(index, TILE_ROWS / 4u, A_ALONG_DEPTH);
  let index_b = index - FIRST_OF_B;
  let block_b = block_of(index_b, TILE_COLUMNS / 4u, B_ALONG_DEPTH);
  let carries_a = index < A_BLOCKS;
  let carries_b = index_b < B_BLOCKS;
  let row = first_row + 4u * block_a.y;
  let column = first_column + 4u * block_b.y;
  begin(column);
  if (carries_a) {
    load_a(row, start + 4u * block_a.x, end);
  }
  if (carries_b) {
    load_b(column, start + 4u * block_b.x, end);
  }
  //half measure(0u, carries_a, carries_b);
  var sums: array<vec4f, 4u * ROW_PARTS * COLUMN_PARTS>;
  //sums let sums_rows = (group.x == 0u) & (index < TILE_ROWS);
  //sums var row_sum = 0.0;
  for (var k0 = start; k0 < end + (BUFFERS - 1u) * STEP; k0 += STEP) {
    let put = ((k0 - start) / STEP) % BUFFERS;
    let read = BUFFERS - 1u - put;
    if (BUFFERS == 1u) {
      workgroupBarrier();
    }
    //half let measured = ((k0 - start) / STEP) % 2u;
    //half let exponent_a = exponent_of(atomicLoad(&reach_a[measured]));
    //half let exponent_b = exponent_of(atomicLoad(&reach_b[measured]));
    //half if (index == 0u) {
    //half   atomicStore(&reach_a[1u - measured], 0u);
    //half   atomicStore(&reach_b[1u - measured], 0u);
    //half }
    let within = BUFFERS == 1u || k0 < end;
    if (carries_a & within) {
      let at = (put * STEP + 4u * block_a.x) * A_PITCH + block_a.y;
      put_a(at, 1.0); // whole
      //half put_a(at, shrinking(exponent_a));
    }
    if (carries_b & within) {
      let at = (put * STEP + 4u * block_b.x) * B_PITCH + block_b.y;
      put_b(at, 1.0); // whole
      //half put_b(at, shrinking(exponent_b));
    }
    if (BUFFERS == 1u) {
      workgroupBarrier();
    }
    if (k0 + STEP < end) {
      if (carries_a) {
        load_a(row, k0 + STEP + 4u * block_a.x, end);
      }
      if (carries_b) {
        load_b(column, k0 + STEP + 4u * block_b.x, end);
      }
    }
    //half let growth = growing(exponent_a) * growing(exponent_b);
    //half var parts: array<vec4h, 4u * ROW_PARTS * COLUMN_PARTS>;
    // With two buffers the first turn has nothing to multiply.
    if (BUFFERS == 1u || k0 > start) {
      //sums if (sums_rows) {
      //sums   for (var k = 0u; k < STEP; k++) {
      //sums     row_sum += tile_a[(read * STEP + k) * A_PITCH + index / 4u][index % 4u];
      //sums   }
      //sums }
      for (var k = 0u; k < STEP; k += K_WRITTEN) {
        //half if (k % TOGETHER == 0u) {
        //half   parts = array<vec4h, 4u * ROW_PARTS * COLUMN_PARTS>();
        //half }
        for (var kw = 0u; kw < K_WRITTEN; kw++) {
          let at_a = (read * STEP + k + kw) * A_PITCH + local.y;
          let at_b = (read * STEP + k + kw) * B_PITCH + local.x;
          var columns: array<Held, COLUMN_PARTS>;
          for (var q = 0u; q < COLUMN_PARTS; q++) {
            columns[q] = tile_b[at_b + q * THREADS_X];
          }
          for (var p = 0u; p < ROW_PARTS; p++) {
            let rows = tile_a[at_a + p * THREADS_Y];
            for (var i = 0u; i < FOUR; i++) {
              for (var q = 0u; q < COLUMN_PARTS; q++) {
                sums[(4u * p + i) * COLUMN_PARTS + q] += rows[i] * columns[q]; // whole
                //half parts[(4u * p + i) * COLUMN_PARTS + q] += rows[i] * columns[q];
              }
            }
          }
        }
        //half if ((k + K_WRITTEN) % TOGETHER == 0u) {
        //half   for (var p = 0u; p < ROW_PARTS; p++) {
        //half     for (var i = 0u; i < FOUR; i++) {
        //half       for (var q = 0u; q < COLUMN_PARTS; q++) {
        //half         sums[(4u * p + i) * COLUMN_PARTS + q] += growth * vec4f(parts[(4u * p + i) * COLUMN_PARTS + q]);
        //half       }
        //half     }
        //half   }
        //half }
      }
    }
    if (BUFFERS > 1u) {
      workgroupBarrier();
    }
    //half if (k0 + STEP < end) {
    //half   measure(1u - measured, carries_a, carries_b);
    //half }
  }
  //sums if (sums_rows & (first_row + index < ROWS)) {
  //sums   row_sums[group.z * ROWS + first_row + index] = SCALE * row_sum;
  //sums }
  for (var p = 0u; p < ROW_PARTS; p++) {
    for (var i = 0u; i < FOUR; i++) {
      for (var q = 0u; q < COLUMN_PARTS; q++) {
        for (var j = 0u; j < FOUR; j++) {
          store_c(
            first_row + 4u * (p * THREADS_Y + local.y) + i,
            first_column + 4u * (q * THREADS_X + local.x) + j,
            group.z,
            sums[(4u * p + i) * COLUMN_PARTS + q][j],
          );
        }
      }
    }
  }
}
