// Blocks of 4 x 4 in which invocations carry what a step of a product takes of A and B; of a kernel with `const STEP`, the depth of one.

// The next block: four depths, of each four rows of A or four columns of B.
var<private> next_a: array<vec4f, 4>;
var<private> next_b: array<vec4f, 4>;

// Which block of a step: its place in depth, then in the tile, in fours. Neighbours are neighbours along the axis that is contiguous in memory.
fn block_of(index: u32, length: u32, along_depth: bool) -> vec2u {
  return select(vec2u(index / length, index % length), vec2u(index % (STEP / 4u), index / (STEP / 4u)), along_depth);
}
