// First half of Diffusion-SDPO's safeguard (arXiv 2511.03317): sums over chunks of |e_w|^2 and <e_w, e_l>, e = pred - target. The gradients
// of the errors at the prediction are these times one constant, which cancels.
// pred, target: [2, SIZE], winners first, then losers; partials: [CHUNKS] of (|e_w|^2, <e_w, e_l>).
// One invocation a chunk of CHUNK neighbours: serial, no barrier. 1-D grid.

alias Lanes = vec4f; // f32 where four does not divide SIZE (lanes.ts)
/** Elements in one Lanes. */
const LANES: f32 = 4.0;
const WORKGROUP_SIZE: u32 = 8;
const SIZE: u32 = 1;
const CHUNK: u32 = 1;

@group(0) @binding(0) var<storage, read> pred: array<Lanes>;
@group(0) @binding(1) var<storage, read> target_: array<Lanes>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec2f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let first = id.x * CHUNK;
  if (first >= SIZE) { return; }
  var square = Lanes(0.0);
  var product = Lanes(0.0);
  for (var i = first; i < min(SIZE, first + CHUNK); i++) {
    let winner = pred[i] - target_[i];
    square += winner * winner;
    product += winner * (pred[SIZE + i] - target_[SIZE + i]);
  }
  partials[id.x] = vec2f(total(square), total(product));
}
