// What a loss of the logit alone ends with. of_logit(s, p) is (value, its derivative by s).

@compute @workgroup_size(1)
fn main() {
  var total = 0.0;
  for (var w = 0u; w < PAIRS; w++) {
    let l = w + PAIRS;
    let scale = 0.5 * beta[0] * logit_scale[w];
    let s = scale * ((m[l] - r[l]) - (m[w] - r[w])); // exactly +0 where policy and reference agree
    logit[w] = s;
    let value_slope = of_logit(s, preference[w]);
    total += value_slope.x;
    dm[w] = -value_slope.y * scale / f32(PAIRS);
    dm[l] = value_slope.y * scale / f32(PAIRS);
  }
  loss[0] = total / f32(PAIRS);
}
