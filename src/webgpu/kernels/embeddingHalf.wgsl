// y[row] = table[ids[row]], the table in half width.
// table: [ENTRIES, WIDTH], two elements to a word; ids: [ROWS]; y: [ROWS, WIDTH].
// One invocation an element of y, 1-D grid folded over y.

const WORKGROUP_SIZE: u32 = 64;
const ROWS: u32 = 1;
const WIDTH: u32 = 1;
// The entries that are bound; what asks for another one is left to the dispatch that has it.
const FIRST: u32 = 0;
const ENTRIES: u32 = 0xffffffff;
// How the table is kept. 1: f16; 2: bf16.
const FORMAT = 1u;

@group(0) @binding(0) var<storage, read> table: array<u32>;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= ROWS * WIDTH) { return; }
  let row = i / WIDTH;
  let entry = u32(ids[row]) - FIRST;
  if (entry >= ENTRIES) { return; }
  let at = entry * WIDTH + i - row * WIDTH;
  y[i] = widened(table[at / 2u], at, FORMAT);
}
