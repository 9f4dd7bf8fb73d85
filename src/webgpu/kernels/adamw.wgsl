// One step of torch.optim.AdamW over a flat range, after torch.nn.utils.clip_grad_norm_, in place.
// grad, param, m, v: one shape, flat; norm: [1]; hyper: [8] = (lr, beta1, beta2, eps, weight_decay, 1 - beta1^t, 1 - beta2^t, max_grad_norm).
// One invocation an element (four with Lanes = vec4f), 1-D grid folded over y.
//
// Small gradients: at 1e-12 the square is 1e-24 and v at least 1e-27, far above f32's least normal number (1.2e-38). Below 1e-17 v may
// flush to zero, where sqrt(v) was at most 1e-17 beside an eps of 1e-8.

alias Lanes = vec4f; // f32 where four does not divide the size (lanes.ts)
const WORKGROUP_SIZE: u32 = 64;
/** Elements (in Lanes); 0 means all that param holds, so that tensors of every shape share one pipeline. */
const SIZE: u32 = 0;

@group(0) @binding(0) var<storage, read> grad: array<Lanes>;
@group(0) @binding(1) var<storage, read> norm: array<f32>;
@group(0) @binding(2) var<storage, read> hyper: array<f32>;
@group(0) @binding(3) var<storage, read_write> param: array<Lanes>;
@group(0) @binding(4) var<storage, read_write> m: array<Lanes>;
@group(0) @binding(5) var<storage, read_write> v: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= select(SIZE, arrayLength(&param), SIZE == 0u)) { return; }
  let lr = hyper[0];
  let beta1 = hyper[1];
  let beta2 = hyper[2];
  let max_norm = hyper[7];
  let clip = select(1.0, min(1.0, max_norm / (norm[0] + 1e-6)), max_norm > 0.0);
  let g = clip * grad[i];
  let first = m[i] + (1.0 - beta1) * (g - m[i]);
  let second = beta2 * v[i] + (1.0 - beta2) * g * g;
  m[i] = first;
  v[i] = second;
  let step = (lr / hyper[5]) * first / (sqrt(second / hyper[6]) + hyper[3]);
  param[i] = param[i] * (1.0 - lr * hyper[4]) - step;
}
