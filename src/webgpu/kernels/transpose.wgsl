// y's axis n is some axis of x: y[i4, ..., i0] = x[i0 STRIDE0 + ... + i5 STRIDE5].
// y: [SIZE5, ..., SIZE0] (neighbouring axes that stay together merged, innermost last); x: the same elements, STRIDE<n> its step along y's axis n.
// One invocation RUN neighbours of y along its innermost axis, for one decoding of the index; 1-D grid folded over y.

const WORKGROUP_SIZE: u32 = 64;
/** Divides SIZE0. */
const RUN: u32 = 1;
const SIZE: u32 = 1;
const SIZE0: u32 = 1;
const SIZE1: u32 = 1;
const SIZE2: u32 = 1;
const SIZE3: u32 = 1;
const SIZE4: u32 = 1;
const STRIDE0: u32 = 1;
const STRIDE1: u32 = 0;
const STRIDE2: u32 = 0;
const STRIDE3: u32 = 0;
const STRIDE4: u32 = 0;
const STRIDE5: u32 = 0;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

/** Where x holds element i of y. Integer division is dear on some adapters: decoding stops at the outermost axis there is. */
fn index_x(i: u32) -> u32 {
  let outer0 = i / SIZE0;
  var at = (i - outer0 * SIZE0) * STRIDE0;
  if (SIZE1 == 1u) { return at + outer0 * STRIDE1; }
  let outer1 = outer0 / SIZE1;
  at += (outer0 - outer1 * SIZE1) * STRIDE1;
  if (SIZE2 == 1u) { return at + outer1 * STRIDE2; }
  let outer2 = outer1 / SIZE2;
  at += (outer1 - outer2 * SIZE2) * STRIDE2;
  if (SIZE3 == 1u) { return at + outer2 * STRIDE3; }
  let outer3 = outer2 / SIZE3;
  at += (outer2 - outer3 * SIZE3) * STRIDE3;
  if (SIZE4 == 1u) { return at + outer3 * STRIDE4; }
  let outer4 = outer3 / SIZE4;
  return at + (outer3 - outer4 * SIZE4) * STRIDE4 + outer4 * STRIDE5;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = (id.x + id.y * (groups.x * WORKGROUP_SIZE)) * RUN;
  if (i >= SIZE) { return; }
  let source = index_x(i);
  y[i] = x[source];
  if (RUN == 4u) {
    y[i + 1u] = x[source + STRIDE0];
    y[i + 2u] = x[source + 2u * STRIDE0];
    y[i + 3u] = x[source + 3u * STRIDE0];
  }
}
