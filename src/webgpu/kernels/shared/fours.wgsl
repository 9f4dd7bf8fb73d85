// Four neighbouring elements in one read: as whole words, or as halves two to a word (format 1: f16; 2: bf16). With widened.wgsl.

fn wholes(words: vec4u, format: u32) -> vec4f {
  return bitcast<vec4f>(words);
}

fn halves(words: vec2u, format: u32) -> vec4f {
  return vec4f(widenedPair(words.x, format), widenedPair(words.y, format));
}
