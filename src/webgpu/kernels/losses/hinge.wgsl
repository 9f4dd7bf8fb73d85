// Hinge (SLiC): loss = mean of max(0, 1 - s), with
// u = -(beta / 2) logit_scale (m - r), s = u_w - u_l.
// m, r: [2 PAIRS], winners first, then losers; beta: [1]; logit_scale: [PAIRS]; loss: [1]; logit: [PAIRS] = s; dm: [2 PAIRS] = dloss / dm.
// One invocation, pair by pair. Workgroups [1].

const PAIRS: u32 = 1;

@group(0) @binding(0) var<storage, read> m: array<f32>;
@group(0) @binding(1) var<storage, read> r: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read> logit_scale: array<f32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;
@group(0) @binding(5) var<storage, read_write> logit: array<f32>;
@group(0) @binding(6) var<storage, read_write> dm: array<f32>;

/** (value, its derivative by s). */
fn of_logit(s: f32) -> vec2f {
  return vec2f(max(0.0, 1.0 - s), select(0.0, -1.0, s < 1.0));
}

@compute @workgroup_size(1)
fn main() {
  var total = 0.0;
  for (var w = 0u; w < PAIRS; w++) {
    let l = w + PAIRS;
    let scale = 0.5 * beta[0] * logit_scale[w];
    let s = scale * ((m[l] - r[l]) - (m[w] - r[w])); // exactly +0 where policy and reference agree
    logit[w] = s;
    let value_slope = of_logit(s);
    total += value_slope.x;
    dm[w] = -value_slope.y * scale / f32(PAIRS);
    dm[l] = value_slope.y * scale / f32(PAIRS);
  }
  loss[0] = total / f32(PAIRS);
}
