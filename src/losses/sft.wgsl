// Supervised fine-tuning on the winners: m_w. Neither the loser nor a reference counts; the logit is reported as for the other losses.

@compute @workgroup_size(1)
fn main() {
  var total = 0.0;
  for (var w = 0u; w < PAIRS; w++) {
    let l = w + PAIRS;
    logit[w] = 0.5 * beta[0] * logit_scale[w] * ((m[l] - r[l]) - (m[w] - r[w]));
    total += m[w];
    dm[w] = 1.0 / f32(PAIRS);
    dm[l] = 0.0;
  }
  loss[0] = total / f32(PAIRS);
}
