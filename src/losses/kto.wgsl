// Diffusion-KTO (arXiv 2404.04465): the mean over images of 1 - sigmoid(y (u - z)), y = 1 for winners, -1 for losers,
// z = max(0, mean of u) without gradient.

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
