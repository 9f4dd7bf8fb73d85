// y[part, b] = FACTOR * sum over part of sample b of (pred - target)^2; FACTOR is 1 / elements where one part holds all.
// pred, target: [BATCH, SIZE]; y: [PARTS, BATCH].
// One invocation a part of a sample: serial, no barrier. Sums of 16 are summed, which keeps the error near one rounding: a preference loss
// multiplies differences of these means by thousands. 1-D grid.

alias Lanes = vec4f; // f32 where four does not divide SIZE (lanes.ts)
/** Elements in one Lanes. */
const LANES: f32 = 4.0;
const WORKGROUP_SIZE: u32 = 4;
const PARTS: u32 = 1;
const BATCH: u32 = 1;
/** Elements of a sample, in Lanes. */
const SIZE: u32 = 1;
const FACTOR: f32 = 1.0;

@group(0) @binding(0) var<storage, read> pred: array<Lanes>;
@group(0) @binding(1) var<storage, read> target_: array<Lanes>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  const LENGTH = (SIZE + PARTS - 1u) / PARTS;
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= BATCH * PARTS) { return; }
  let part = i / BATCH;
  let sample = (i - part * BATCH) * SIZE;
  let end = sample + min(SIZE, (part + 1u) * LENGTH);
  var sum = Lanes(0.0);
  for (var start = sample + part * LENGTH; start < end; start += 16u) {
    var block = Lanes(0.0);
    for (var at = start; at < min(end, start + 16u); at++) {
      let d = pred[at] - target_[at];
      block += d * d;
    }
    sum += block;
  }
  y[i] = FACTOR * total(sum);
}
