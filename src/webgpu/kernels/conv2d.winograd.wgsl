// The end of a 3x3 convolution by Winograd's F(2x2, 3x3): the 2x2 pixels Aᵀ m A of each tile's sixteen products m, with
//   Aᵀ = [[1, 1, 1, 0], [0, 1, -1, -1]]; then y = SCALE * (pixel + bias) + residual.
//
// m: [16, PIECE_ROWS, COLUMNS] for so many rows from FIRST_ROW on, and the tiles of all pictures from FIRST_TILE on;
// y: [BATCH, ROWS, OUT_HEIGHT, OUT_WIDTH].
// Dispatch: one invocation a row of a tile, folded over x and y.

const BATCH = 1u;
const ROWS = 4u;
const OUT_HEIGHT = 8u;
const OUT_WIDTH = 8u;
const TILES_HIGH = 4u;
const TILES_WIDE = 4u;
const FIRST_ROW = 0u;
const PIECE_ROWS = 4u;
const FIRST_TILE = 0u;
const COLUMNS = 16u;
const SCALE = 1.0f;
const BIAS = false;
const RESIDUAL = false;
// Whether it is one number for all pixels of a channel: [BATCH, ROWS].
const RESIDUAL_OF_CHANNEL = false;
// Whether y is added to, as it was before.
const IN_PLACE = false;
const WORKGROUP_SIZE = 64u;

const TWO = 2u;
const FOUR = 4u;

@group(0) @binding(0) var<storage, read> m: array<f32>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read> residual: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let i = id.x + id.y * grid.x * WORKGROUP_SIZE;
  let row = FIRST_ROW + i / COLUMNS;
  let tile = FIRST_TILE + i % COLUMNS;
  let line = tile / TILES_WIDE;
  let image = line / TILES_HIGH;
  if ((i >= PIECE_ROWS * COLUMNS) | (image >= BATCH)) {
    return;
  }
  var products = array<vec4f, 4>();
  for (var j = 0u; j < FOUR; j++) {
    for (var l = 0u; l < FOUR; l++) {
      products[j][l] = m[(4u * j + l) * PIECE_ROWS * COLUMNS + i];
    }
  }
  let sums = array<vec4f, 2>(
    products[0] + products[1] + products[2],
    products[1] - products[2] - products[3],
  );
  let top = 2u * (line % TILES_HIGH);
  let left = 2u * (tile % TILES_WIDE);
  for (var j = 0u; j < TWO; j++) {
    let sum = sums[j];
    let pixels = vec2f(sum.x + sum.y + sum.z, sum.y - sum.z - sum.w);
    for (var l = 0u; l < TWO; l++) {
      if ((top + j < OUT_HEIGHT) & (left + l < OUT_WIDTH)) {
        let at = ((image * ROWS + row) * OUT_HEIGHT + top + j) * OUT_WIDTH + left + l;
        var value = pixels[l];
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
