// Of a kernel with `alias Sums`, what is summed, and `const WORKGROUP_SIZE`.

var<workgroup> partial: array<Sums, WORKGROUP_SIZE>;

/** Sum over the workgroup, in a fixed order; every invocation gets it. */
fn sum_all(local: u32, value: Sums) -> Sums {
  partial[local] = value;
  for (var half = WORKGROUP_SIZE / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) { partial[local] += partial[local + half]; }
  }
  workgroupBarrier();
  let sum = partial[0];
  workgroupBarrier();
  return sum;
}
