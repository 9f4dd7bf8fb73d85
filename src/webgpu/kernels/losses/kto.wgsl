// Diffusion-KTO (arXiv 2404.04465): loss = mean over images of 1 - sigmoid(y (u - z)), y = 1 for winners, -1 for losers, with
// u = -(beta / 2) logit_scale (m - r), z = max(0, mean of u) without gradient, s = u_w - u_l.
// m, r: [2 PAIRS], winners first, then losers; beta: [1]; logit_scale: [PAIRS]; loss: [1]; logit: [PAIRS] = s; dm: [2 PAIRS] = dloss / dm.
// One invocation, pair by pair. Workgroups [1].

const PAIRS: u32 = 1;

@group(0) @binding(0) var<storage, read> m: array<f32>;
@group(0) @binding(1) var<storage, read> r: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read> logit_scale: array<f32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;
@group(0) @binding(5) var<storage, read_write> logit: array<f32>;
@group(0) @binding(6) var<storage, read_write> dm: array<f32>;

fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}

@compute @workgroup_size(1)
fn main() {
  const IMAGES = f32(2u * PAIRS);
  var sum = 0.0;
  for (var w = 0u; w < PAIRS; w++) {
    let l = w + PAIRS;
    let scale = 0.5 * beta[0] * logit_scale[w];
    logit[w] = scale * ((m[l] - r[l]) - (m[w] - r[w])); // exactly +0 where policy and reference agree
    sum += scale * ((r[w] - m[w]) + (r[l] - m[l]));
  }
  let baseline = max(0.0, sum / IMAGES);
  var total = 0.0;
  for (var w = 0u; w < PAIRS; w++) {
    let l = w + PAIRS;
    let scale = 0.5 * beta[0] * logit_scale[w];
    let gap_w = scale * (r[w] - m[w]) - baseline;
    let gap_l = scale * (r[l] - m[l]) - baseline;
    total += sigmoid(-gap_w) + sigmoid(gap_l);
    dm[w] = scale * sigmoid(gap_w) * sigmoid(-gap_w) / IMAGES;
    dm[l] = -scale * sigmoid(gap_l) * sigmoid(-gap_l) / IMAGES;
  }
  loss[0] = total / IMAGES;
}
