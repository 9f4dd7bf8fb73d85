// Tiles of tile.wgsl in f16: held in half the memory and multiplied two at a time where a GPU does so. Eight products are added up in f16, and what they
// come to is added to sums in f32.
//
// Each step is brought (halfRange.wgsl) to where its largest element of A lies below 64, and that of B: eight products come to 32,768 at most. An element
// keeps all the digits of f16 down to a millionth of the largest of its step.

// Products that are added up in f16.
const TOGETHER = 8u;

// The bits of the largest magnitudes of a step, which order as numbers do; of the step that is multiplied, and of the next.
var<workgroup> reach_a: array<atomic<u32>, 2>;
var<workgroup> reach_b: array<atomic<u32>, 2>;

fn largest_of(block: array<vec4f, 4>) -> u32 {
  let most = max(max(abs(block[0]), abs(block[1])), max(abs(block[2]), abs(block[3])));
  return bitcast<u32>(max(max(most.x, most.y), max(most.z, most.w)));
}

// What an invocation carries of a step.
fn measure(step: u32, carries_a: bool, carries_b: bool) {
  if (carries_a) {
    atomicMax(&reach_a[step], largest_of(next_a));
  }
  if (carries_b) {
    atomicMax(&reach_b[step], largest_of(next_b));
  }
}
