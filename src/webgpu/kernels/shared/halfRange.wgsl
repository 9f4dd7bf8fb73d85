// How numbers are brought to where f16 holds them, and back: by powers of two, which round nothing. f16 ends at 65,504, and activations do not.

// The bits of magnitudes order as they do. Of the largest of what is measured, its exponent as f32 has it, with its bias; within what both factors can be.
fn exponent_of(reach: u32) -> u32 {
  return max(reach >> 23u, 6u);
}

// 2^(132 - exponent), which brings the largest below 64, and its inverse.
fn shrinking(exponent: u32) -> f32 {
  return bitcast<f32>((259u - exponent) << 23u);
}

fn growing(exponent: u32) -> f32 {
  return bitcast<f32>((exponent - 5u) << 23u);
}
