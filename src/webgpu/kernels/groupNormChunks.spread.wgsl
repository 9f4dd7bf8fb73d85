// Statistics of groupNorm.register.wgsl's x by chunks of a group: for groups so long that a workgroup each would leave a GPU idle. Two passes over
// a chunk, the second out of the cache.
// x: [BATCH * GROUPS, GROUP_SIZE]; chunks: [BATCH * GROUPS, CHUNKS] of (sum, squares about the chunk's mean).
// One workgroup a (batch, group, chunk), sums in workgroup memory. Workgroups [CHUNKS, GROUPS, BATCH].

alias Lanes = vec4f; // f32 where four does not divide PLANE (lanes.ts)
alias Sums = f32;
/** Elements in one Lanes. */
const LANES: f32 = 4.0;
const WORKGROUP_SIZE: u32 = 256;
const GROUPS: u32 = 1;
const CHANNELS_PER_GROUP: u32 = 1;
/** Elements of a channel, in Lanes. */
const PLANE: u32 = 1;
const CHUNKS: u32 = 2;
/** Lanes of a chunk but the last. */
const CHUNK: u32 = 1024;

const GROUP_SIZE: u32 = CHANNELS_PER_GROUP * PLANE;

@group(0) @binding(0) var<storage, read> x: array<Lanes>;
@group(0) @binding(1) var<storage, read_write> chunks: array<vec2f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let group = workgroup.z * GROUPS + workgroup.y;
  let first = workgroup.x * CHUNK;
  let length = min(CHUNK, GROUP_SIZE - first);
  let begin = group * GROUP_SIZE + first;

  var sum = Lanes(0.0);
  for (var i = local; i < length; i += WORKGROUP_SIZE) { sum += x[begin + i]; }
  let whole = sum_all(local, total(sum));
  let mean = whole / (f32(length) * LANES);
  var squares = Lanes(0.0);
  for (var i = local; i < length; i += WORKGROUP_SIZE) {
    let d = x[begin + i] - mean;
    squares += d * d;
  }
  let about = sum_all(local, total(squares));
  if (local == 0u) { chunks[group * CHUNKS + workgroup.x] = vec2f(whole, about); }
}
