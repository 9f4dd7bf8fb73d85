// y = FACTOR * sum of x over some axes, of which neighbours of one kind are merged: up to two kept and two summed runs, in any order.
// x: any order of [KEPT1, KEPT0, SUMMED1, SUMMED0] with the steps STRIDE_* along each, counted in Lanes; y: [SPLITS, KEPT1, KEPT0].
// One workgroup COLUMNS neighbouring elements of y (or of Lanes), each summed by WORKGROUP_SIZE / COLUMNS invocations and a tree in workgroup
// memory. Split s sums every SPLITS-th stretch. Workgroups [KEPT / COLUMNS folded over y, ..., SPLITS].

alias Lanes = vec4f; // f32 where four does not divide the innermost axis (lanes.ts)
/** Elements in one Lanes. */
const LANES: u32 = 4;
const WORKGROUP_SIZE: u32 = 64;
/** A power of two. */
const COLUMNS: u32 = 1;
const SPLITS: u32 = 1;
const FACTOR: f32 = 1.0;
/** Whether x's innermost axis is summed: a Lanes then adds up to one element of y; else it is four neighbours of y. */
const INNER_SUMMED = true;
/** KEPT1 * KEPT0. */
const KEPT: u32 = 1;
const KEPT0: u32 = 1;
const SUMMED0: u32 = 1;
const SUMMED1: u32 = 1;
const STRIDE_KEPT0: u32 = 1;
const STRIDE_KEPT1: u32 = 1;
const STRIDE_SUMMED0: u32 = 1;
const STRIDE_SUMMED1: u32 = 1;

@group(0) @binding(0) var<storage, read> x: array<Lanes>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

var<workgroup> partial: array<Lanes, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  const PARTS = WORKGROUP_SIZE / COLUMNS;
  let kept = (workgroup.x + workgroup.y * groups.x) * COLUMNS + local % COLUMNS;
  let kept1 = kept / KEPT0;
  let first = (kept - kept1 * KEPT0) * STRIDE_KEPT0 + kept1 * STRIDE_KEPT1;
  var sum = Lanes(0.0);
  if (kept < KEPT) {
    for (var summed1 = 0u; summed1 < SUMMED1; summed1++) {
      for (var summed0 = workgroup.z * PARTS + local / COLUMNS; summed0 < SUMMED0; summed0 += PARTS * SPLITS) {
        sum += x[first + summed1 * STRIDE_SUMMED1 + summed0 * STRIDE_SUMMED0];
      }
    }
  }
  partial[local] = sum;
  for (var half = WORKGROUP_SIZE / 2u; half >= COLUMNS; half /= 2u) {
    workgroupBarrier();
    if (local < half) { partial[local] += partial[local + half]; }
  }
  if (local < COLUMNS && kept < KEPT) { store(workgroup.z * KEPT + kept, partial[local]); }
}
