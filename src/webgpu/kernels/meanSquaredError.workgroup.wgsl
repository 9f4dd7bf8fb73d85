// y[b] = FACTOR * sum over sample b of (pred - target)^2; FACTOR is 1 / elements.
// pred, target: [BATCH, SIZE]; y: [BATCH].
// One workgroup a sample, sums in workgroup memory. Workgroups [BATCH].

alias Lanes = vec4f; // f32 where four does not divide SIZE (lanes.ts)
/** Elements in one Lanes. */
const LANES: f32 = 4.0;
const WORKGROUP_SIZE: u32 = 256;
const BATCH: u32 = 1;
/** Elements of a sample, in Lanes. */
const SIZE: u32 = 1;
const FACTOR: f32 = 1.0;

@group(0) @binding(0) var<storage, read> pred: array<Lanes>;
@group(0) @binding(1) var<storage, read> target_: array<Lanes>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

var<workgroup> partial: array<f32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let sample = workgroup.x * SIZE;
  var sum = Lanes(0.0);
  for (var i = local; i < SIZE; i += WORKGROUP_SIZE) {
    let d = pred[sample + i] - target_[sample + i];
    sum += d * d;
  }
  partial[local] = total(sum);
  for (var half = WORKGROUP_SIZE / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) { partial[local] += partial[local + half]; }
  }
  if (local == 0u) { y[workgroup.x] = FACTOR * partial[0]; }
}
