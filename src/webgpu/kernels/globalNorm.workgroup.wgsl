// Squares of one tensor, summed by magnitude in three bands, so that nothing under- or overflows (Blue's algorithm, ACM TOMS 4:1, 1978):
// below 2^-50 scaled by 2^80 first, above 2^60 by 2^-80. Band sums of workgroup i go to partials[FIRST + i]. A NaN ends in the middle band.
// x: [SIZE] (in Lanes); partials: [...] of (small, middle, large, 0).
// GROUPS workgroups that stride over x together, sums in workgroup memory. Workgroups [GROUPS].

alias Lanes = vec4f; // f32 where four does not divide the size (lanes.ts)
/** Elements in one Lanes. */
const LANES: f32 = 4.0;
const WORKGROUP_SIZE: u32 = 256;
const GROUPS: u32 = 1;
const SIZE: u32 = 1;
const FIRST: u32 = 0;

@group(0) @binding(0) var<storage, read> x: array<Lanes>;
@group(0) @binding(1) var<storage, read_write> partials: array<vec4f>;

var<workgroup> partial: array<vec4f, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  var small = Lanes(0.0);
  var middle = Lanes(0.0);
  var large = Lanes(0.0);
  for (var i = workgroup.x * WORKGROUP_SIZE + local; i < SIZE; i += GROUPS * WORKGROUP_SIZE) {
    let value = x[i];
    let magnitude = abs(value);
    let is_small = magnitude < Lanes(0x1p-50);
    let is_large = magnitude > Lanes(0x1p60);
    let s = select(Lanes(0.0), value, is_small) * 0x1p80;
    let l = select(Lanes(0.0), value, is_large) * 0x1p-80;
    let m = select(value, Lanes(0.0), is_small | is_large);
    small += s * s;
    middle += m * m;
    large += l * l;
  }
  partial[local] = vec4f(total(small), total(middle), total(large), 0.0);
  for (var half = WORKGROUP_SIZE / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) { partial[local] += partial[local + half]; }
  }
  if (local == 0u) { partials[FIRST + workgroup.x] = partial[0]; }
}
