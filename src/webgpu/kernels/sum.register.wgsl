// y = FACTOR * sum of x over some axes, of which neighbours of one kind are merged: up to two kept and two summed runs, in any order.
// x: any order of [KEPT1, KEPT0, SUMMED1, SUMMED0] with the steps STRIDE_* along each, counted in Lanes; y: [SPLITS, KEPT1, KEPT0].
// One invocation an element of y (four, if a Lanes is), serial: no barrier. Split s sums every SPLITS-th of SUMMED0. 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide the innermost axis (lanes.ts)
/** Elements in one Lanes. */
const LANES: u32 = 4;
const WORKGROUP_SIZE: u32 = 8;
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

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= KEPT * SPLITS) { return; }
  let split = i / KEPT;
  let kept = i - split * KEPT;
  let kept1 = kept / KEPT0;
  let first = (kept - kept1 * KEPT0) * STRIDE_KEPT0 + kept1 * STRIDE_KEPT1 + split * STRIDE_SUMMED0;
  var sum = Lanes(0.0);
  for (var summed1 = 0u; summed1 < SUMMED1; summed1++) {
    var line = Lanes(0.0); // sums of sums round less than one long sum
    var at = first + summed1 * STRIDE_SUMMED1;
    for (var summed0 = split; summed0 < SUMMED0; summed0 += SPLITS) {
      line += x[at];
      at += SPLITS * STRIDE_SUMMED0;
    }
    sum += line;
  }
  store(i, sum);
}
