// Second half of a product whose depth was split: y = SCALE * (sum of the partial products + bias) + residual, in slice order.
//
// partials: [SPLITS, SIZE]. bias: element i takes bias[(i / BIAS_STRIDE) % BIAS_LENGTH]. Of residual it takes residual[i / RESIDUAL_STRIDE]. y: [SIZE].
// With the lines that begin with "sums" (summing.ts), of a product without bias: what is bound as bias holds partial sums of rows,
// [SPLITS, BIAS_LENGTH], which make row_sums: [BIAS_LENGTH].
// Dispatch: one invocation an element of y, then of row_sums, folded over x and y.

const SIZE = 64u;
const SPLITS = 2u;
const SCALE = 1.0f;
const BIAS = false;
const BIAS_STRIDE = 1u;
const BIAS_LENGTH = 1u;
const RESIDUAL = false;
const RESIDUAL_STRIDE = 1u;
// Whether y is added to, as it was before.
const IN_PLACE = false;
const WORKGROUP_SIZE = 64u;

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read> residual: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
//sums @group(0) @binding(4) var<storage, read_write> row_sums: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let i = id.x + id.y * grid.x * WORKGROUP_SIZE;
  if (i >= SIZE) {
    //sums if (i < SIZE + BIAS_LENGTH) {
    //sums   var row_sum = 0.0;
    //sums   for (var split = 0u; split < SPLITS; split++) {
    //sums     row_sum += bias[split * BIAS_LENGTH + i - SIZE];
    //sums   }
    //sums   row_sums[i - SIZE] = SCALE * row_sum;
    //sums }
    return;
  }
  var sum = 0.0;
  for (var split = 0u; split < SPLITS; split++) {
    sum += partials[split * SIZE + i];
  }
  if (BIAS) {
    sum += bias[(i / BIAS_STRIDE) % BIAS_LENGTH];
  }
  sum *= SCALE;
  if (RESIDUAL) {
    sum += residual[i / RESIDUAL_STRIDE];
  }
  if (IN_PLACE) {
    sum += y[i];
  }
  y[i] = sum;
}
