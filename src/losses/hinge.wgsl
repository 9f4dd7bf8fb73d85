// SLiC's hinge (arXiv 2305.10425): max(0, 1 - s).

fn of_logit(s: f32, p: f32) -> vec2f {
  return vec2f(max(0.0, 1.0 - s), select(0.0, -1.0, s < 1.0));
}
