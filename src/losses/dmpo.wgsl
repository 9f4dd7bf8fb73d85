// DMPO (arXiv 2507.10510): p log(p / (1 - a)) + (1 - p) log((1 - p) / a), p = sigmoid(s).

/** log(1 - a) and log(a), from the host: alpha is fixed. */
const LOG_ONE_MINUS_ALPHA: f32 = -0.01005034;
const LOG_ALPHA: f32 = -4.6051702;

fn of_logit(s: f32, _preference: f32) -> vec2f {
  let p = sigmoid(s);
  let rest = sigmoid(-s);
  return vec2f(
    p * (log_sigmoid(s) - LOG_ONE_MINUS_ALPHA) + rest * (log_sigmoid(-s) - LOG_ALPHA),
    p * rest * (s - (LOG_ONE_MINUS_ALPHA - LOG_ALPHA)),
  );
}
