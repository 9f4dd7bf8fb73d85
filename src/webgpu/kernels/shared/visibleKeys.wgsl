// Of an attention kernel with `const CAUSAL`, KEYS and LOWEST.

/** Scores of keys first ... first + 3 for a query, those it may not see at the lowest. */
fn visible(scores: vec4f, first: u32, query: u32) -> vec4f {
  let key = vec4u(first, first + 1u, first + 2u, first + 3u);
  if (CAUSAL) { return select(vec4f(LOWEST), scores, key <= vec4u(query)); }
  if (KEYS % 4u != 0u) { return select(vec4f(LOWEST), scores, key < vec4u(KEYS)); }
  return scores;
}
