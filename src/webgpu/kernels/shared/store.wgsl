// Of a sum with `const FACTOR`, INNER_SUMMED and `LANES: u32`.

fn store(at: u32, sum: Lanes) {
  let v = FACTOR * vec4f(sum);
  if (INNER_SUMMED) {
    y[at] = dot(v, vec4f(0.25 * f32(LANES))); // for f32 the splat divided by four, summed: exact
    return;
  }
  y[at * LANES] = v.x;
  if (LANES == 4u) {
    y[at * 4u + 1u] = v.y;
    y[at * 4u + 2u] = v.z;
    y[at * 4u + 3u] = v.w;
  }
}
