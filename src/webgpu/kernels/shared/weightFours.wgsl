// Weights of conv2d.tile.wgsl in fours: each row lies in order of depth, and begins at a multiple of four. With fours.wgsl.

// vec2u where two elements lie in a word.
alias WeightWords = vec4u;

@group(0) @binding(1) var<storage, read> weight: array<WeightWords>;

fn four_of_weight(row: u32, k: u32, within: bool) -> vec4f {
  if ((row >= ROWS) | !within) {
    return vec4f();
  }
  return wholes(weight[(W_FIRST + row * W_ROW + k) / 4u], W_FORMAT);
}

fn load_a(row: u32, k: u32, end: u32) {
  let within = k < end;
  next_a = transposed(
    four_of_weight(row, k, within),
    four_of_weight(row + 1u, k, within),
    four_of_weight(row + 2u, k, within),
    four_of_weight(row + 3u, k, within),
  );
}
