// average -= weight * (average - param), elementwise, in place: diffusers' EMAModel, weight being 1 - decay.
// param, average: one shape, flat; weight: [1].
// One invocation an element (four with Lanes = vec4f), 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide the size (lanes.ts)
const WORKGROUP_SIZE: u32 = 64;
/** Elements (in Lanes); 0 means all that average holds, so that tensors of every shape share one pipeline. */
const SIZE: u32 = 0;

@group(0) @binding(0) var<storage, read> param: array<Lanes>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> average: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= select(SIZE, arrayLength(&average), SIZE == 0u)) { return; }
  average[i] -= weight[0] * (average[i] - param[i]);
}
