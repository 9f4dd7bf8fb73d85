// Pixels of a 3x3 convolution as Winograd's F(2x2, 3x3) multiplies them: v = Bᵀ d B of the 4x4 pixels d under each 2x2 of the output, with
//   Bᵀ = [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]].
//
// x: [BATCH, CHANNELS, HEIGHT, WIDTH]; v: [16, DEPTH, COLUMNS] for the COLUMNS tiles of all pictures from FIRST_TILE on, zero past the last one and past
// the last channel.
// Dispatch: one invocation a channel of a tile, folded over x and y; neighbours are neighbouring tiles.

const BATCH = 1u;
const CHANNELS = 4u;
const HEIGHT = 8u;
const WIDTH = 8u;
const PAD_TOP = 1i;
const PAD_LEFT = 1i;
const TILES_HIGH = 4u;
const TILES_WIDE = 4u;
const FIRST_TILE = 0u;
const COLUMNS = 16u;
const DEPTH = 4u;
const WORKGROUP_SIZE = 64u;

const FOUR = 4u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> v: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let i = id.x + id.y * grid.x * WORKGROUP_SIZE;
  if (i >= DEPTH * COLUMNS) {
    return;
  }
  let channel = i / COLUMNS;
  let tile = FIRST_TILE + i % COLUMNS;
  let line = tile / TILES_WIDE;
  let image = line / TILES_HIGH;
  let top = 2i * i32(line % TILES_HIGH) - PAD_TOP;
  let left = 2i * i32(tile % TILES_WIDE) - PAD_LEFT;
  let exists = (channel < CHANNELS) & (image < BATCH);
  let first = i32((image * CHANNELS + channel) * HEIGHT) + top;
  var d = array<vec4f, 4>();
  for (var j = 0u; j < FOUR; j++) {
    // What is before the image is, as an unsigned number, past it.
    let shown = exists & (u32(top + i32(j)) < HEIGHT);
    let at = (first + i32(j)) * i32(WIDTH) + left;
    for (var l = 0u; l < FOUR; l++) {
      if (shown & (u32(left + i32(l)) < WIDTH)) {
        d[j][l] = x[u32(at + i32(l))];
      }
    }
  }
  let rows = array<vec4f, 4>(d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]);
  for (var j = 0u; j < FOUR; j++) {
    let row = rows[j];
    let made = vec4f(row.x - row.z, row.y + row.z, row.z - row.y, row.y - row.w);
    for (var l = 0u; l < FOUR; l++) {
      v[(4u * j + l) * DEPTH * COLUMNS + i] = made[l];
    }
  }
}
