// Weights of conv2d.tile.wgsl one by one, wherever they lie. With conv2dLoads.wgsl.

@group(0) @binding(1) var<storage, read> weight: array<u32>;

fn load_a_of_fours(row: u32, k: u32, end: u32) {
  let tap = (k / FOUR) % TAPS;
  let at = W_FIRST + (k / FOUR / TAPS) * FOUR * W_CHANNEL + select(tap, TAPS - 1u - tap, FLIP) + row * W_ROW;
  next_a = array<vec4f, 4>();
  for (var i = 0u; i < FOUR; i++) {
    if ((row + i < ROWS) & (k < end)) {
      for (var j = 0u; j < FOUR; j++) {
        next_a[j][i] = weight_at(at + j * W_CHANNEL + i * W_ROW);
      }
    }
  }
}

fn load_a(row: u32, k: u32, end: u32) {
  if (TAP_OF_FOURS) {
    load_a_of_fours(row, k, end);
    return;
  }
  for (var j = 0u; j < FOUR; j++) {
    let tap = (k + j) % TAPS;
    let at = W_FIRST + ((k + j) / TAPS) * W_CHANNEL + select(tap, TAPS - 1u - tap, FLIP);
    for (var i = 0u; i < FOUR; i++) {
      var element = 0.0;
      if ((row + i < ROWS) & (k + j < end)) {
        element = weight_at(at + (row + i) * W_ROW);
      }
      next_a[j][i] = element;
    }
  }
}
