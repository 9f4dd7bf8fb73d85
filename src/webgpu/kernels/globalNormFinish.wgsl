// norm = square root of the band sums of globalNorm.register.wgsl: sqrt(small 2^-160 + middle + large 2^160), without forming those powers.
// partials: [COUNT] of (small, middle, large, 0); norm: [1].
// One workgroup: each invocation sums every WORKGROUP_SIZE-th partial, the first one adds those up. Workgroups [1].

const WORKGROUP_SIZE: u32 = 32;
const COUNT: u32 = 1;

@group(0) @binding(0) var<storage, read> partials: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> norm: array<f32>;

var<workgroup> sums: array<vec4f, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) local: u32) {
  var sum = vec4f(0.0);
  for (var i = local; i < COUNT; i += WORKGROUP_SIZE) { sum += partials[i]; }
  sums[local] = sum;
  workgroupBarrier();
  if (local != 0u) { return; }
  for (var i = 1u; i < WORKGROUP_SIZE; i++) { sum += sums[i]; }
  // The norms of the bands, then their norm, by the largest.
  let bands = sqrt(sum.xyz) * vec3f(0x1p-80, 1.0, 0x1p80);
  let largest = max(bands.x, max(bands.y, bands.z));
  let ratios = bands / select(1.0, largest, largest > 0.0);
  norm[0] = largest * sqrt(dot(ratios, ratios)) + (bands.y - bands.y); // the difference is 0, or NaN where max() dropped one
}
