// y = [cos | sin] (COS_FIRST) or [sin | cos] of the f32-rounded products timestep * freq. WGSL promises sin and cos only to 2^-11 and only
// near zero, so the argument is reduced by pi/2 in three parts (Cody and Waite; Cephes' constants, exact to 8192) and both are polynomials.
// timestep: [BATCH]; freqs: [HALF]; y: [BATCH, 2 HALF].
// One invocation a product, 1-D grid folded over y.

const WORKGROUP_SIZE: u32 = 64;
const BATCH: u32 = 1;
const HALF: u32 = 1;
const COS_FIRST = true;

@group(0) @binding(0) var<storage, read> timestep: array<f32>;
@group(0) @binding(1) var<storage, read> freqs: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= BATCH * HALF) { return; }
  let row = i / HALF;
  let column = i - row * HALF;
  // The way through integers, with a zero the compiler cannot see, keeps it from fusing this product into the subtraction below: PyTorch
  // rounds the product, and at 1000 that is a phase of 3e-5.
  let phase = bitcast<f32>(bitcast<u32>(timestep[row] * freqs[column]) | (groups.z - 1u));
  let turns = round(phase * 0.6366197723675814); // quarter turns
  let r = ((phase - turns * 1.5703125) - turns * 4.837512969970703125e-4) - turns * 7.54978995489188216e-8;
  let s = r * r;
  let sine = r + r * s * (-1.6666654611e-1 + s * (8.3321608736e-3 + s * -1.9515295891e-4));
  let cosine = 1.0 - 0.5 * s + s * s * (4.166664568298827e-2 + s * (-1.388731625493765e-3 + s * 2.443315711809948e-5));
  let quarter = i32(turns) & 3;
  let odd = (quarter & 1) == 1;
  let sin_phase = select(sine, cosine, odd) * select(1.0, -1.0, quarter >= 2);
  let cos_phase = select(cosine, sine, odd) * select(1.0, -1.0, quarter == 1 || quarter == 2);
  let at = row * 2u * HALF + column;
  y[at] = select(sin_phase, cos_phase, COS_FIRST);
  y[at + HALF] = select(cos_phase, sin_phase, COS_FIRST);
}
