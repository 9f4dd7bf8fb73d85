// Of a kernel with `alias Lanes` (vec4f or f32) and `const LANES: f32`, the elements in one.

/** Sum over the elements of a Lanes; for f32 the splat divided by four, summed: exact. */
fn total(v: Lanes) -> f32 {
  return dot(vec4f(v), vec4f(0.25 * LANES));
}
