// dx of takeToken.wgsl's `y[i] = x[(batch * TOKENS + u32(index[batch])) * WIDTH + ...]`: dx[b, t] = dy[b] where t = index[b], else 0.
// dy: [BATCH, WIDTH]; index: [BATCH]; dx: [BATCH, TOKENS, WIDTH]; WIDTH counted in Lanes.
// One invocation an element of dx (four with Lanes = vec4f), 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide the widths (lanes.ts)
const WORKGROUP_SIZE: u32 = 64;
const BATCH: u32 = 1;
const TOKENS: u32 = 1;
const WIDTH: u32 = 1;

@group(0) @binding(0) var<storage, read> dy: array<Lanes>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> dx: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= BATCH * TOKENS * WIDTH) { return; }
  let token = i / WIDTH;
  let batch = token / TOKENS;
  let taken = token - batch * TOKENS == u32(index[batch]);
  dx[i] = select(Lanes(0.0), dy[batch * WIDTH + i - token * WIDTH], taken);
}
