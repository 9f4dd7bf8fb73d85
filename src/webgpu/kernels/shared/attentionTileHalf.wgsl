// Attention by large tiles in f16: queries, keys, values and weights are held in half the memory and multiplied two at a time where a GPU does so. The
// products of a chunk of depth, and those of the rows of values that are staged together, are added up in f16, and what they come to is added to scores
// and sums in f32; so are the largest score of a row and the sum of its weights.
//
// Each chunk is brought (halfRange.wgsl) to where the queries lie below 64 and the keys below 32, so that its 20 products come to 40,960 at most; rows of
// values to where they lie below 16. Weights are at most 1, and held as 64 times that: 32 rows come to 32,768. Numbers keep all the digits of f16 down to
// a 250,000th of the largest beside them, and weights down to a millionth.

const KEY_FACTOR = 0.5f;
const VALUE_FACTOR = 0.25f;
const WEIGHT_FACTOR = 64f;
const VALUE_PARTS = OTHERS / VALUE_ROWS;

// The bits of the largest magnitudes: of a chunk of the own rows, which are the same whatever they meet; of a chunk of the others; of a part of the values.
var<workgroup> own_reach: array<atomic<u32>, CHUNKS>;
var<workgroup> other_reach: array<atomic<u32>, CHUNKS>;
var<workgroup> value_reach: array<atomic<u32>, VALUE_PARTS>;
// What a kernel keeps of its rows, for which `weights` has not digits enough: of every four of them one from each x, then two more.
var<workgroup> of_rows: array<vec4f, THREADS_X * WEIGHTS_PITCH + 2u * OWN_FOURS>;

fn bits_of(most: vec4f) -> u32 {
  return bitcast<u32>(largest(most));
}

// What an invocation carries to the stage of a chunk. Only who has more than is known asks for it.
fn measure(chunk: u32) {
  if (my.row >= COPY_ROWS) {
    return;
  }
  var own = vec4f();
  for (var copy = 0u; copy < OWN_COPIES; copy++) {
    own = max(own, abs(next_own[copy]));
  }
  if (my.row < OWN % COPY_ROWS) {
    own = max(own, abs(next_own[OWN_COPIES]));
  }
  if (bits_of(own) > atomicLoad(&own_reach[chunk])) {
    atomicMax(&own_reach[chunk], bits_of(own));
  }
  var other = vec4f();
  for (var copy = 0u; copy < OTHER_COPIES; copy++) {
    other = max(other, abs(next_other[copy]));
  }
  if (my.row < OTHERS % COPY_ROWS) {
    other = max(other, abs(next_other[OTHER_COPIES]));
  }
  if (bits_of(other) > atomicLoad(&other_reach[chunk])) {
    atomicMax(&other_reach[chunk], bits_of(other));
  }
}

// The same of values.
fn measure_values(part: u32) {
  if (my.value_row >= VALUE_COPY_ROWS) {
    return;
  }
  var value = vec4f();
  for (var copy = 0u; copy < VALUE_COPIES; copy++) {
    value = max(value, abs(next_value[copy]));
  }
  if (my.value_row < VALUE_ROWS % VALUE_COPY_ROWS) {
    value = max(value, abs(next_value[VALUE_COPIES]));
  }
  if (bits_of(value) > atomicLoad(&value_reach[part])) {
    atomicMax(&value_reach[part], bits_of(value));
  }
}

// What a chunk or a part measured is written to the stage: the next tile's begins at nothing. There are barriers in between.
fn forget_others(chunk: u32) {
  if (my.x + my.y == 0u) {
    atomicStore(&other_reach[chunk], 0u);
  }
}

fn forget_values(part: u32) {
  if (my.x + my.y == 0u) {
    atomicStore(&value_reach[part], 0u);
  }
}

fn transposed_half(a: vec4h, b: vec4h, c: vec4h, d: vec4h) -> array<vec4h, 4> {
  return array<vec4h, 4>(
    vec4h(a.x, b.x, c.x, d.x),
    vec4h(a.y, b.y, c.y, d.y),
    vec4h(a.z, b.z, c.z, d.z),
    vec4h(a.w, b.w, c.w, d.w),
  );
}
