// y = a + b, elementwise; b is broadcast: its axes are a's or 1.
// a, y: [SIZE3, SIZE2, SIZE1, SIZE0] (neighbouring axes of one kind merged, innermost last, counted in Lanes); b: STRIDE<n> is its step along
// axis n, 0 where it is broadcast. SAME: b has a's shape. With SAME no size is used, so that all shapes share one pipeline.
// One invocation an element (four with Lanes = vec4f), 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide the innermost axis (lanes.ts)
alias Addend = vec4f; // f32 also where b is broadcast along the innermost axis: one element serves all four
const WORKGROUP_SIZE: u32 = 64;
const SAME = true;
/** Elements (in Lanes); 0 means all that y holds. */
const SIZE: u32 = 0;
const SIZE0: u32 = 1;
const SIZE1: u32 = 1;
const SIZE2: u32 = 1;
const STRIDE0: u32 = 1;
const STRIDE1: u32 = 0;
const STRIDE2: u32 = 0;
const STRIDE3: u32 = 0;

@group(0) @binding(0) var<storage, read> a: array<Lanes>;
@group(0) @binding(1) var<storage, read> b: array<Addend>;
@group(0) @binding(2) var<storage, read_write> y: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= select(SIZE, arrayLength(&y), SIZE == 0u)) { return; }
  y[i] = a[i] + Lanes(b[broadcast_index(i)]);
}
