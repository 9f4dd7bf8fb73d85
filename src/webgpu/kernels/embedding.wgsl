// y[row] = table[ids[row]].
// table: [ENTRIES, WIDTH]; ids: [ROWS]; y: [ROWS, WIDTH]; WIDTH counted in Lanes.
// One invocation an element of y (four with Lanes = vec4f), 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide the widths (lanes.ts)
const WORKGROUP_SIZE: u32 = 64;
const ROWS: u32 = 1;
const WIDTH: u32 = 1;
// The entries that are bound; what asks for another one is left to the dispatch that has it.
const FIRST: u32 = 0;
const ENTRIES: u32 = 0xffffffff;

@group(0) @binding(0) var<storage, read> table: array<Lanes>;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= ROWS * WIDTH) { return; }
  let row = i / WIDTH;
  let entry = u32(ids[row]) - FIRST;
  if (entry >= ENTRIES) { return; }
  y[i] = table[entry * WIDTH + i - row * WIDTH];
}
