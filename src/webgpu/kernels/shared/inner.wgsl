// Of a kernel with `alias Lanes`. For f32 each product counts four times.

fn inner(a: Lanes, b: Lanes) -> f32 {
  return dot(vec4f(a), vec4f(b));
}
