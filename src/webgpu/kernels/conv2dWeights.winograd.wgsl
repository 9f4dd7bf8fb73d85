// Weights of a 3x3 convolution as Winograd's F(2x2, 3x3) multiplies them: u = G w Gᵀ, sixteen numbers of nine, with
//   G = [[1, 0, 0], [1/2, 1/2, 1/2], [1/2, -1/2, 1/2], [0, 0, 1]]. Lavin & Gray, Fast Algorithms for Convolutional Neural Networks, 2016.
//
// weight: rows and channels by strides; u: [16, OUTER, INNER], where INNER is whichever of both is contiguous in weight; zero past what is filled.
// Dispatch: one invocation a kernel, folded over x and y.

const OUTER = 4u;
const INNER = 4u;
const OUTER_FILLED = 4u;
const INNER_FILLED = 4u;
const W_OUTER = 36u;
const W_INNER = 9u;
// Where in what is bound the weights begin.
const W_FIRST = 0u;
const FLIP = false;
// How weights are kept. 0: f32; 1: f16, two to a word; 2: bf16, two to a word.
const W_FORMAT = 0u;
const WORKGROUP_SIZE = 64u;

const DILATION = 1u;
const THREE = 3u;
const FOUR = 4u;

@group(0) @binding(0) var<storage, read> weight: array<u32>;
@group(0) @binding(1) var<storage, read_write> u: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let i = id.x + id.y * grid.x * WORKGROUP_SIZE;
  if (i >= OUTER * INNER) {
    return;
  }
  let outer = i / INNER;
  let inner = i % INNER;
  var w = array<vec3f, 3>();
  if ((outer < OUTER_FILLED) & (inner < INNER_FILLED)) {
    let at = W_FIRST + outer * W_OUTER + inner * W_INNER;
    for (var ky = 0u; ky < THREE; ky++) {
      for (var kx = 0u; kx < THREE; kx++) {
        let tap = ky * 3u + kx;
        w[ky][kx] = weight_at(at + select(tap, 8u - tap, FLIP));
      }
    }
  }
  let half = 0.5 * (w[0] + w[2]);
  let rows = array<vec3f, 4>(w[0], half + 0.5 * w[1], half - 0.5 * w[1], w[2]);
  for (var j = 0u; j < FOUR; j++) {
    let row = rows[j];
    let ends = 0.5 * (row.x + row.z);
    let made = vec4f(row.x, ends + 0.5 * row.y, ends - 0.5 * row.y, row.z);
    for (var l = 0u; l < FOUR; l++) {
      u[(4u * j + l) * OUTER * INNER + i] = made[l];
    }
  }
}
