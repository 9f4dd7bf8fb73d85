// Of a kernel with `weight` in words, its W_FORMAT, and `const DILATION`; with widened.wgsl.

// Of class (cy, cx): the first tap that falls on an input pixel.
fn first_tap(pad: i32, class_offset: u32) -> u32 {
  let dilation = i32(DILATION);
  return u32(((pad - i32(class_offset)) % dilation + dilation) % dilation);
}

fn weight_at(at: u32) -> f32 {
  if (W_FORMAT == 0u) {
    return bitcast<f32>(weight[at]);
  }
  return widened(weight[at / 2u], at, W_FORMAT);
}
