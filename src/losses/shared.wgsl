// What every loss kernel begins with: u = -(beta / 2) logit_scale (m - r), s = u_w - u_l.
// m, r: [2 PAIRS], winners first, then losers; beta: [1]; logit_scale, preference: [PAIRS]; loss: [1]; logit: [PAIRS] = s;
// dm: [2 PAIRS] = dloss / dm. One invocation, pair by pair. Workgroups [1].

const PAIRS: u32 = 1;

@group(0) @binding(0) var<storage, read> m: array<f32>;
@group(0) @binding(1) var<storage, read> r: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read> logit_scale: array<f32>;
@group(0) @binding(4) var<storage, read> preference: array<f32>;
@group(0) @binding(5) var<storage, read_write> loss: array<f32>;
@group(0) @binding(6) var<storage, read_write> logit: array<f32>;
@group(0) @binding(7) var<storage, read_write> dm: array<f32>;

/** log(1 + e) for e in [0, 1] by the series of 2 artanh(e / (2 + e)): keeps the digits of small e, which WGSL's log does not promise. */
fn log1p(e: f32) -> f32 {
  let w = e / (2.0 + e);
  let s = w * w;
  return 2.0 * w * (1.0 + s * (1.0 / 3.0 + s * (1.0 / 5.0 + s * (1.0 / 7.0 + s * (1.0 / 9.0 + s * (1.0 / 11.0 + s * (1.0 / 13.0 + s / 15.0)))))));
}

fn log_sigmoid(x: f32) -> f32 {
  return min(x, 0.0) - log1p(exp(-abs(x)));
}

fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}
