// Robust DPO (arXiv 2403.00409) at label noise e: (-(1 - e) log sigmoid(s) + e log sigmoid(-s)) / (1 - 2 e).

const LABEL_SMOOTHING: f32 = 0.0;

fn of_logit(s: f32, p: f32) -> vec2f {
  const E = LABEL_SMOOTHING;
  return vec2f(-(1.0 - E) * log_sigmoid(s) + E * log_sigmoid(-s), -(1.0 - E) * sigmoid(-s) - E * sigmoid(s)) / (1.0 - 2.0 * E);
}
