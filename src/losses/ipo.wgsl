// IPO (arXiv 2310.12036), free of scale: (s - 1/2)^2.

fn of_logit(s: f32, p: f32) -> vec2f {
  return vec2f((s - 0.5) * (s - 0.5), 2.0 * (s - 0.5));
}
