// Squares of one tensor, summed by magnitude in three bands, so that nothing under- or overflows (Blue's algorithm, ACM TOMS 4:1, 1978):
// below 2^-50 scaled by 2^80 first, above 2^60 by 2^-80. Band sums of chunk i go to partials[FIRST + i]. A NaN ends in the middle band.
// x: [SIZE] (in Lanes); partials: [...] of (small, middle, large, 0).
// One invocation a chunk of CHUNK neighbours: serial, no barrier; sums of 16 are summed. 1-D grid.

alias Lanes = vec4f; // f32 where four does not divide the size (lanes.ts)
/** Elements in one Lanes. */
const LANES: f32 = 4.0;
const WORKGROUP_SIZE: u32 = 8;
const SIZE: u32 = 1;
const CHUNK: u32 = 1;
const FIRST: u32 = 0;

@group(0) @binding(0) var<storage, read> x: array<Lanes>;
@group(0) @binding(1) var<storage, read_write> partials: array<vec4f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let chunk = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (chunk * CHUNK >= SIZE) { return; }
  var small = Lanes(0.0);
  var middle = Lanes(0.0);
  var large = Lanes(0.0);
  let end = min(SIZE, (chunk + 1u) * CHUNK);
  for (var start = chunk * CHUNK; start < end; start += 16u) {
    var block_small = Lanes(0.0);
    var block_middle = Lanes(0.0);
    var block_large = Lanes(0.0);
    for (var i = start; i < min(end, start + 16u); i++) {
      let value = x[i];
      let magnitude = abs(value);
      let is_small = magnitude < Lanes(0x1p-50);
      let is_large = magnitude > Lanes(0x1p60);
      let s = select(Lanes(0.0), value, is_small) * 0x1p80;
      let l = select(Lanes(0.0), value, is_large) * 0x1p-80;
      let m = select(value, Lanes(0.0), is_small | is_large);
      block_small += s * s;
      block_middle += m * m;
      block_large += l * l;
    }
    small += block_small;
    middle += block_middle;
    large += block_large;
  }
  partials[FIRST + chunk] = vec4f(total(small), total(middle), total(large), 0.0);
}
