// Linear-DPO: w (m_w - m_l), w = clamp(1/2 - 0.4 s, eta, 1 - eta) without gradient.

const LINEAR_ETA: f32 = 1e-3;

@compute @workgroup_size(1)
fn main() {
  var total = 0.0;
  for (var w = 0u; w < PAIRS; w++) {
    let l = w + PAIRS;
    let s = 0.5 * beta[0] * logit_scale[w] * ((m[l] - r[l]) - (m[w] - r[w])); // exactly +0 where policy and reference agree
    logit[w] = s;
    let weight = clamp(0.5 - 0.4 * s, LINEAR_ETA, 1.0 - LINEAR_ETA);
    total += weight * (m[w] - m[l]);
    dm[w] = weight / f32(PAIRS);
    dm[l] = -weight / f32(PAIRS);
  }
  loss[0] = total / f32(PAIRS);
}
