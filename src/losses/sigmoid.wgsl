// Diffusion-DPO (arXiv 2311.12908), label smoothing e: -(1 - e) log sigmoid(s) - e log sigmoid(-s).

const LABEL_SMOOTHING: f32 = 0.0;

fn of_logit(s: f32, p: f32) -> vec2f {
  const E = LABEL_SMOOTHING;
  return vec2f(-(1.0 - E) * log_sigmoid(s) - E * log_sigmoid(-s), -(1.0 - E) * sigmoid(-s) + E * sigmoid(s));
}
