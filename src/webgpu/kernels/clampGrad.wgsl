// dx = dy where MIN <= x <= MAX, else 0, of clamp.wgsl's `y[i] = min(max(x[i], Lanes(MIN)), Lanes(MAX))`. torch.clamp passes at the ends.
// dy, x, dx: one shape, flat.
// One invocation an element (four with Lanes = vec4f), 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide the size (lanes.ts)
alias Ints = vec4i;
const WORKGROUP_SIZE: u32 = 64;
/** Elements (in Lanes); 0 means all that y holds, so that tensors of every shape share one pipeline. */
const SIZE: u32 = 0;
const MIN: f32 = -1.0;
const MAX: f32 = 1.0;

@group(0) @binding(0) var<storage, read> dy: array<Lanes>;
@group(0) @binding(1) var<storage, read> x: array<Lanes>;
@group(0) @binding(2) var<storage, read_write> dx: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= select(SIZE, arrayLength(&dx), SIZE == 0u)) { return; }
  let at = x[i];
  dx[i] = select(Lanes(0.0), dy[i], (at >= Lanes(MIN)) & (at <= Lanes(MAX)));
}
