// MaPO (arXiv 2406.06424): m_w - MAPO_BETA log sigmoid(margin), margin = MAPO_T (phi(m_w) - phi(m_l)), phi(m) = k m / (exp(k m) - 1).
// No reference; the logit is reported as for the other losses.

const MAPO_BETA: f32 = 0.1;
const MAPO_T: f32 = 1000.0;
const MAPO_K: f32 = 0.5;

/** With x = k m >= 0: phi = 1 - x / 2 + even(x). Returns (even(x), dphi / dx). MAPO_T multiplies a difference of two phi, so the large part, 1,
 *  is never formed near 0; below 1 the series with Bernoulli numbers (next term below 4e-9), above it the closed form in exp(-x). */
fn phi_parts(x: f32) -> vec2f {
  if (x < 1.0) {
    let s = x * x;
    let even = s * (1.0 / 12.0 + s * (-1.0 / 720.0 + s * (1.0 / 30240.0 + s * (-1.0 / 1209600.0 + s / 47900160.0))));
    let slope = x * (1.0 / 6.0 + s * (-1.0 / 180.0 + s * (1.0 / 5040.0 + s * (-1.0 / 151200.0 + s / 4790016.0))));
    return vec2f(even, slope - 0.5);
  }
  let t = exp(-x);
  let rest = 1.0 - t;
  return vec2f(x * t / rest - 1.0 + 0.5 * x, t * (rest - x) / (rest * rest));
}

@compute @workgroup_size(1)
fn main() {
  var total = 0.0;
  for (var w = 0u; w < PAIRS; w++) {
    let l = w + PAIRS;
    logit[w] = 0.5 * beta[0] * logit_scale[w] * ((m[l] - r[l]) - (m[w] - r[w]));
    let phi_w = phi_parts(MAPO_K * m[w]);
    let phi_l = phi_parts(MAPO_K * m[l]);
    let margin = MAPO_T * ((phi_w.x - phi_l.x) + 0.5 * MAPO_K * (m[l] - m[w]));
    total += m[w] - MAPO_BETA * log_sigmoid(margin);
    let pull = MAPO_BETA * MAPO_T * MAPO_K * sigmoid(-margin);
    dm[w] = (1.0 - pull * phi_w.y) / f32(PAIRS);
    dm[l] = pull * phi_l.y / f32(PAIRS);
  }
  loss[0] = total / f32(PAIRS);
}
