// dtable[id] += dy[row] for every row of embedding.wgsl's `y[i] = table[u32(ids[row]) * WIDTH + ...]`, without atomics: the first row
// with an id sums all rows with that id, in order. zero.wgsl runs before, for entries no row asks for.
// dy: [ROWS, WIDTH]; ids: [ROWS]; dtable: [ENTRIES, WIDTH]; WIDTH counted in Lanes.
// One invocation an element of dy (four with Lanes = vec4f), 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide the widths (lanes.ts)
const WORKGROUP_SIZE: u32 = 64;
const ROWS: u32 = 1;
const WIDTH: u32 = 1;

@group(0) @binding(0) var<storage, read> dy: array<Lanes>;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read_write> dtable: array<Lanes>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= ROWS * WIDTH) { return; }
  let row = i / WIDTH;
  let column = i - row * WIDTH;
  let mine = ids[row];
  for (var other = 0u; other < row; other++) {
    if (ids[other] == mine) { return; }
  }
  var sum = Lanes(0.0);
  for (var other = row; other < ROWS; other++) {
    if (ids[other] == mine) { sum += dy[other * WIDTH + column]; }
  }
  dtable[u32(mine) * WIDTH + column] = sum;
}
