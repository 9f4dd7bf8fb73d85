// Second half of Diffusion-SDPO's safeguard (arXiv 2511.03317): y = dm with the losers' half times clip((1 - mu) |e_w|^2 / <e_w, e_l>, 0, 1)
// where <e_w, e_l> > 0. The safeguard sees the micro-batch as a whole.
// dm: [2 PAIRS], winners first, then losers; partials: [CHUNKS] of sdpoSafeguardPartial.wgsl; y: [2 PAIRS].
// One invocation. Workgroups [1].

const PAIRS: u32 = 1;
const CHUNKS: u32 = 1;
const ONE_MINUS_MU: f32 = 0.1;

@group(0) @binding(0) var<storage, read> dm: array<f32>;
@group(0) @binding(1) var<storage, read> partials: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(1)
fn main() {
  var sum = vec2f(0.0);
  for (var i = 0u; i < CHUNKS; i++) { sum += partials[i]; }
  var factor = 1.0;
  if (sum.y > 0.0) { factor = clamp(ONE_MINUS_MU * sum.x / sum.y, 0.0, 1.0); }
  for (var i = 0u; i < PAIRS; i++) {
    y[i] = dm[i];
    y[PAIRS + i] = factor * dm[PAIRS + i];
  }
}
