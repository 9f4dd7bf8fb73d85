// Where a product's sums go: scaled, with bias and residual, to C by strides.

fn store_c(row: u32, column: u32, split: u32, sum: f32) {
  if (row >= ROWS || column >= COLUMNS) {
    return;
  }
  let at = row * C_ROW + (column / COLUMNS_INNER) * C_COLUMN_OUTER + (column % COLUMNS_INNER) * C_COLUMN;
  var y = sum;
  if (BIAS) {
    y += bias[select(column, row, BIAS_BY_ROW)];
  }
  y *= SCALE;
  if (RESIDUAL) {
    y += residual[at];
  }
  if (IN_PLACE) {
    y += c[at];
  }
  c[split * C_SPLIT + at] = y;
}
