// Of a kernel with all that it names.

/** A power of two. */
const COLUMNS: u32 = 8;

var<workgroup> column_sums: array<Lanes, WORKGROUP_SIZE>;
var<workgroup> column_sums_h: array<Lanes, WORKGROUP_SIZE>;

/** The gradients of weight and bias in COLUMNS neighbouring columns: the sums over rows of dy (x - mean) rstd and of dy, each by
 *  WORKGROUP_SIZE / COLUMNS invocations that stride over the rows. */
fn grad_weights(columns: u32, local: u32) {
  let rows = ROWS;
  let width = WIDTH;
  let column = columns * COLUMNS + local % COLUMNS;
  var sum = Lanes(0.0);
  var sum_h = Lanes(0.0);
  if (column < width) {
    for (var row = local / COLUMNS; row < rows; row += WORKGROUP_SIZE / COLUMNS) {
      let g = dy[row * width + column];
      sum += g;
      sum_h += g * (x[row * width + column] - stats[row].x) * stats[row].y;
    }
  }
  column_sums[local] = sum;
  column_sums_h[local] = sum_h;
  for (var half = WORKGROUP_SIZE / 2u; half >= COLUMNS; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      column_sums[local] += column_sums[local + half];
      column_sums_h[local] += column_sums_h[local + half];
    }
  }
  if (local < COLUMNS && column < width) {
    dweight[column] = column_sums_h[local];
    dbias[column] = column_sums[local];
  }
}
