// The blocks of a product whose operands are read in fours; of a kernel with `a`, `b`, their strides and formats, and `const FOUR`. With blocks.wgsl,
// fours.wgsl and transposed.wgsl.

fn four_of_a(row: u32, at: u32, within: bool) -> vec4f {
  if (row >= ROWS || !within) {
    return vec4f();
  }
  return wholes(a[(A_FIRST + row * A_ROW + at) / 4u], A_FORMAT);
}

fn four_of_b(column: u32, at: u32, within: bool) -> vec4f {
  if (column >= COLUMNS || !within) {
    return vec4f();
  }
  return wholes(b[(B_FIRST + (column / COLUMNS_INNER) * B_COLUMN_OUTER + (column % COLUMNS_INNER) * B_COLUMN + at) / 4u], B_FORMAT);
}

// A contiguous axis is a multiple of four long where it is the rows, the columns or the inner depth: a four lies within it, or past it.
fn load_a(row: u32, k: u32, end: u32) {
  if (A_ALONG_DEPTH) {
    let at = depth_of_a(k);
    let within = k < end;
    next_a = transposed(
      four_of_a(row, at, within), four_of_a(row + 1u, at, within), four_of_a(row + 2u, at, within), four_of_a(row + 3u, at, within));
  } else {
    for (var j = 0u; j < FOUR; j++) {
      next_a[j] = four_of_a(row, depth_of_a(k + j), k + j < end);
    }
  }
}

fn depth_of_a(k: u32) -> u32 {
  return (k / DEPTH_INNER) * A_DEPTH_OUTER + (k % DEPTH_INNER) * A_DEPTH;
}

fn load_b(column: u32, k: u32, end: u32) {
  if (B_ALONG_DEPTH) {
    let at = depth_of_b(k);
    let within = k < end;
    next_b = transposed(
      four_of_b(column, at, within), four_of_b(column + 1u, at, within), four_of_b(column + 2u, at, within), four_of_b(column + 3u, at, within));
  } else {
    for (var j = 0u; j < FOUR; j++) {
      next_b[j] = four_of_b(column, depth_of_b(k + j), k + j < end);
    }
  }
}

fn depth_of_b(k: u32) -> u32 {
  return (k / DEPTH_INNER) * B_DEPTH_OUTER + (k % DEPTH_INNER) * B_DEPTH;
}
