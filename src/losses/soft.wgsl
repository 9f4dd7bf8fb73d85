// Soft labels: -p log sigmoid(s) - (1 - p) log sigmoid(-s), p = preference; a tie is 1/2.

fn of_logit(s: f32, p: f32) -> vec2f {
  return vec2f(-p * log_sigmoid(s) - (1.0 - p) * log_sigmoid(-s), -p * sigmoid(-s) + (1.0 - p) * sigmoid(s));
}
