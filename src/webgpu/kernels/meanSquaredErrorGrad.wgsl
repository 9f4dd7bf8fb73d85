// dpred = dm 2 (pred - target) / elements, of meanSquaredError.register.wgsl's `y = FACTOR * sum of (pred - target)^2`; FACTOR is 2 / elements.
// dm: [BATCH]; pred, target, dpred: [BATCH, SIZE].
// One invocation an element (four with Lanes = vec4f), 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide SIZE (lanes.ts)
const WORKGROUP_SIZE: u32 = 64;
const BATCH: u32 = 1;
/** Elements of a sample, in Lanes. */
const SIZE: u32 = 1;
const FACTOR: f32 = 1.0;

@group(0) @binding(0) var<storage, read> dm: array<f32>;
@group(0) @binding(1) var<storage, read> pred: array<Lanes>;
@group(0) @binding(2) var<storage, read> target_: array<Lanes>;
@group(0) @binding(3) var<storage, read_write> dpred: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= BATCH * SIZE) { return; }
  dpred[i] = FACTOR * dm[i / SIZE] * (pred[i] - target_[i]);
}
