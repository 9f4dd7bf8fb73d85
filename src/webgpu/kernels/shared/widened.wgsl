// Weights of half width, two to a word.

// Element `at` of a half-width tensor, as f32: half of the word it lies in. format 1: f16; 2: bf16.
fn widened(word: u32, at: u32, format: u32) -> f32 {
  let half = word >> (16u * (at % 2u));
  if (format == 1u) {
    return unpack2x16float(half).x;
  }
  return bitcast<f32>(half << 16u);
}

// Both.
fn widenedPair(word: u32, format: u32) -> vec2f {
  if (format == 1u) {
    return unpack2x16float(word);
  }
  return vec2f(bitcast<f32>(word << 16u), bitcast<f32>(word & 0xffff0000u));
}
