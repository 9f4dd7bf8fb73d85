// Of a kernel with all that it names.

/** The gradients of a column's weight and bias (of four columns, with Lanes = vec4f): the sums over rows of dy (x - mean) rstd and of dy. */
fn grad_weights(column: u32) {
  let rows = ROWS;
  let width = WIDTH;
  var sum = Lanes(0.0);
  var sum_h = Lanes(0.0);
  for (var row = 0u; row < rows; row++) {
    let g = dy[row * width + column];
    sum += g;
    sum_h += g * (x[row * width + column] - stats[row].x) * stats[row].y;
  }
  dweight[column] = sum_h;
  dbias[column] = sum;
}
