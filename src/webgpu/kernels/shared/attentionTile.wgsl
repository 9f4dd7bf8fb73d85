// The middle of attention by large tiles, for GPUs. A workgroup owns OWN rows of one side of the scores (queries, or keys where theirs are the
// gradients) and meets the rows of the other side OTHERS at a time. A kernel says with `own_four`, `other_four`, `value_four` and `store_sum` what it
// multiplies.
//
// Invocation (x, y) of 8 by THREADS_Y owns rows y + THREADS_Y * i, i in [0, EACH), and meets rows x + 8 * j, j in [0, 4), so that neighbours read
// from different banks of workgroup memory. `multiply` makes EACH x 4 scores an invocation, products over the depth of a head, which is staged CHUNK fours
// at a time. What a kernel makes of them it leaves in `weights`, each once, and `weigh` sums rows of values by them: an invocation has fours 8 * q + x of
// the columns, q in [0, FOURS), and of what is left of the head single columns, so that a head of 40 takes five of each, not eight.
// Lines that end with "whole" are those of f32, lines that begin with "half" those of f16 (half.ts, attentionTileHalf.wgsl).

const THREADS_X = 8u;
const THREADS = THREADS_X * THREADS_Y;
const OTHERS = 32u;
const FOUR = 4u;
// Rows of values that are written out.
const K_WRITTEN = 4u;
const EACH = 4u * ROW_PARTS;
const OWN = EACH * THREADS_Y;
const OWN_FOURS = OWN / 4u;
// In fours, odd: neighbouring rows fall into different banks.
const PITCH = 5u;
const WEIGHTS_PITCH = OWN_FOURS + 1u;
// Rows that all invocations carry at once, a four each.
const COPY_ROWS = THREADS / CHUNK;
const VALUE_COPY_ROWS = THREADS / WIDTH;
const LOWEST = -3.0e38f;

alias Held = vec4f; // whole
//half alias Held = vec4h;

// CHUNK fours of the depth of OWN and of OTHERS rows; or VALUE_ROWS rows of values.
var<workgroup> stage: array<Held, (OWN + OTHERS) * PITCH>;
// [OTHERS, OWN / 4]: four own rows of one other. The column past the end holds nothing, or what a kernel keeps of its rows.
var<workgroup> weights: array<Held, OTHERS * WEIGHTS_PITCH>;

struct Place {
  x: u32,
  y: u32,
  // What it carries: of a chunk, and of rows of values.
  row: u32,
  four: u32,
  value_row: u32,
  value_four: u32,
}
var<private> my: Place;
var<private> scores: array<vec4f, EACH>;
// On their way to the stage.
var<private> next_own: array<vec4f, OWN_COPIES + 1u>;
var<private> next_other: array<vec4f, OTHER_COPIES + 1u>;
var<private> next_value: array<vec4f, VALUE_COPIES + 1u>;

// Where rows of a head begin, in fours, and where the last row there is begins: past it there is nothing to read.
struct Rows {
  first: u32,
  last: u32,
}

fn rows_of(batch_row: u32, first: u32, count: u32, head: u32) -> Rows {
  return Rows((batch_row + first) * ROW + head * WIDTH, (batch_row + count - 1u) * ROW + head * WIDTH);
}

fn begin(index: u32) {
  my = Place(index % THREADS_X, index / THREADS_X, index / CHUNK, index % CHUNK, index / WIDTH, index % WIDTH);
}

// The others that an invocation meets, of those from `first` on.
fn others_from(first: u32) -> vec4u {
  return first + my.x + vec4u(0u, 8u, 16u, 24u);
}

fn own_row(i: u32) -> u32 {
  return my.y + THREADS_Y * i;
}

fn fetch(product: u32, own: Rows, other: Rows, chunk: u32) {
  let four = chunk * CHUNK + my.four;
  let inside = WIDTH % CHUNK == 0u || four < WIDTH;
  let own_at = own.first + my.row * ROW;
  for (var copy = 0u; copy < OWN_COPIES; copy++) {
    next_own[copy] = select(vec4f(), own_four(product, min(own_at + copy * COPY_ROWS * ROW, own.last) + four), inside);
  }
  if (OWN % COPY_ROWS != 0u) {
    next_own[OWN_COPIES] = select(vec4f(), own_four(product, min(own_at + OWN_COPIES * COPY_ROWS * ROW, own.last) + four), inside);
  }
  let other_at = other.first + my.row * ROW;
  for (var copy = 0u; copy < OTHER_COPIES; copy++) {
    next_other[copy] = select(vec4f(), other_four(product, min(other_at + copy * COPY_ROWS * ROW, other.last) + four), inside);
  }
  if (OTHERS % COPY_ROWS != 0u) {
    next_other[OTHER_COPIES] = select(vec4f(), other_four(product, min(other_at + OTHER_COPIES * COPY_ROWS * ROW, other.last) + four), inside);
  }
}

fn held(four: vec4f, factor: f32) -> Held {
  return four; // whole
  //half return vec4h(factor * four);
}

fn put(own_factor: f32, other_factor: f32) {
  if (my.row >= COPY_ROWS) {
    return;
  }
  let at = my.row * PITCH + my.four;
  for (var copy = 0u; copy < OWN_COPIES; copy++) {
    stage[at + copy * COPY_ROWS * PITCH] = held(next_own[copy], own_factor);
  }
  if (my.row < OWN % COPY_ROWS) {
    stage[at + OWN_COPIES * COPY_ROWS * PITCH] = held(next_own[OWN_COPIES], own_factor);
  }
  for (var copy = 0u; copy < OTHER_COPIES; copy++) {
    stage[at + (OWN + copy * COPY_ROWS) * PITCH] = held(next_other[copy], other_factor);
  }
  if (my.row < OTHERS % COPY_ROWS) {
    stage[at + (OWN + OTHER_COPIES * COPY_ROWS) * PITCH] = held(next_other[OTHER_COPIES], other_factor);
  }
}

// Scores of own rows with others. Before it returns, all have read what they wanted of `weights`.
fn multiply(product: u32, own: Rows, other: Rows) {
  for (var i = 0u; i < EACH; i++) {
    scores[i] = vec4f();
  }
  fetch(product, own, other, 0u);
  //half measure(0u);
  for (var chunk = 0u; chunk < CHUNKS; chunk++) {
    workgroupBarrier();
    put(1.0, 1.0); // whole
    //half let own_exponent = exponent_of(atomicLoad(&own_reach[chunk]));
    //half let other_exponent = exponent_of(atomicLoad(&other_reach[chunk]));
    //half put(shrinking(own_exponent), KEY_FACTOR * shrinking(other_exponent));
    workgroupBarrier();
    //half forget_others(chunk);
    // Tint does not zero what is declared without a value when a loop comes back to it.
    //half var parts = array<vec4h, EACH>();
    if (chunk + 1u < CHUNKS) {
      fetch(product, own, other, chunk + 1u);
    }
    for (var c = 0u; c < CHUNK; c++) {
      let at = (OWN + my.x) * PITCH + c;
      let columns = transposed(stage[at], stage[at + 8u * PITCH], stage[at + 16u * PITCH], stage[at + 24u * PITCH]); // whole
      //half let columns = transposed_half(stage[at], stage[at + 8u * PITCH], stage[at + 16u * PITCH], stage[at + 24u * PITCH]);
      for (var i = 0u; i < EACH; i++) {
        let row = stage[own_row(i) * PITCH + c];
        for (var d = 0u; d < FOUR; d++) {
          scores[i] += row[d] * columns[d]; // whole
          //half parts[i] += row[d] * columns[d];
        }
      }
    }
    //half let growth = growing(own_exponent) * growing(other_exponent) / KEY_FACTOR;
    //half for (var i = 0u; i < EACH; i++) {
    //half   scores[i] += growth * vec4f(parts[i]);
    //half }
    //half if (chunk + 1u < CHUNKS) {
    //half   measure(chunk + 1u);
    //half }
  }
}

// Scores to the weights of four own rows each.
fn leave_weights() {
  for (var p = 0u; p < ROW_PARTS; p++) {
    let columns = transposed(scores[4u * p], scores[4u * p + 1u], scores[4u * p + 2u], scores[4u * p + 3u]);
    for (var j = 0u; j < FOUR; j++) {
      weights[(my.x + 8u * j) * WEIGHTS_PITCH + p * THREADS_Y + my.y] = held(columns[j], 1.0); // whole
      //half weights[(my.x + 8u * j) * WEIGHTS_PITCH + p * THREADS_Y + my.y] = held(columns[j], WEIGHT_FACTOR);
    }
  }
}

fn fetch_values(product: u32, other: Rows, part: u32) {
  let at = other.first + (part * VALUE_ROWS + my.value_row) * ROW;
  for (var copy = 0u; copy < VALUE_COPIES; copy++) {
    next_value[copy] = value_four(product, min(at + copy * VALUE_COPY_ROWS * ROW, other.last) + my.value_four);
  }
  if (VALUE_ROWS % VALUE_COPY_ROWS != 0u) {
    next_value[VALUE_COPIES] = value_four(product, min(at + VALUE_COPIES * VALUE_COPY_ROWS * ROW, other.last) + my.value_four);
  }
}

fn put_values(factor: f32) {
  if (my.value_row >= VALUE_COPY_ROWS) {
    return;
  }
  let at = my.value_row * WIDTH + my.value_four;
  for (var copy = 0u; copy < VALUE_COPIES; copy++) {
    stage[at + copy * VALUE_COPY_ROWS * WIDTH] = held(next_value[copy], factor);
  }
  if (my.value_row < VALUE_ROWS % VALUE_COPY_ROWS) {
    stage[at + VALUE_COPIES * VALUE_COPY_ROWS * WIDTH] = held(next_value[VALUE_COPIES], factor);
  }
}

// Fours of own rows, then for every four own rows the single columns.
alias Sums = array<vec4f, EACH * FOURS + ROW_PARTS * ONES>;
//half alias HalfSums = array<vec4h, EACH * FOURS + ROW_PARTS * ONES>;

// Adds the others' values, each by its weight, which need not be visible to all yet.
fn weigh(product: u32, other: Rows, sums: ptr<function, Sums>) {
  fetch_values(product, other, 0u);
  //half measure_values(0u);
  for (var part = 0u; part < OTHERS / VALUE_ROWS; part++) {
    workgroupBarrier();
    put_values(1.0); // whole
    //half let exponent = exponent_of(atomicLoad(&value_reach[part]));
    //half put_values(VALUE_FACTOR * shrinking(exponent));
    workgroupBarrier();
    //half forget_values(part);
    //half var parts = HalfSums();
    if ((part + 1u) * VALUE_ROWS < OTHERS) {
      fetch_values(product, other, part + 1u);
    }
    for (var k = 0u; k < VALUE_ROWS; k += K_WRITTEN) {
      for (var kw = 0u; kw < K_WRITTEN; kw++) {
        let at = (k + kw) * WIDTH;
        let at_weights = (part * VALUE_ROWS + k + kw) * WEIGHTS_PITCH + my.y;
        var rows: array<Held, ROW_PARTS>;
        for (var p = 0u; p < ROW_PARTS; p++) {
          rows[p] = weights[at_weights + p * THREADS_Y];
        }
        for (var q = 0u; q < FOURS; q++) {
          let four = stage[at + 8u * q + my.x];
          for (var p = 0u; p < ROW_PARTS; p++) {
            for (var i = 0u; i < FOUR; i++) {
              (*sums)[(4u * p + i) * FOURS + q] += rows[p][i] * four; // whole
              //half parts[(4u * p + i) * FOURS + q] += rows[p][i] * four;
            }
          }
        }
        for (var r = 0u; r < ONES; r++) {
          let one = stage[at + 8u * FOURS + 2u * r + my.x / 4u][my.x % 4u];
          for (var p = 0u; p < ROW_PARTS; p++) {
            (*sums)[EACH * FOURS + p * ONES + r] += one * rows[p]; // whole
            //half parts[EACH * FOURS + p * ONES + r] += one * rows[p];
          }
        }
      }
    }
    //half let growth = growing(exponent) / (VALUE_FACTOR * WEIGHT_FACTOR);
    //half for (var i = 0u; i < EACH; i++) {
    //half   for (var q = 0u; q < FOURS; q++) {
    //half     (*sums)[i * FOURS + q] += growth * vec4f(parts[i * FOURS + q]);
    //half   }
    //half }
    //half for (var p = 0u; p < ROW_PARTS; p++) {
    //half   for (var r = 0u; r < ONES; r++) {
    //half     (*sums)[EACH * FOURS + p * ONES + r] += growth * vec4f(parts[EACH * FOURS + p * ONES + r]);
    //half   }
    //half }
    //half if ((part + 1u) * VALUE_ROWS < OTHERS) {
    //half   measure_values(part + 1u);
    //half }
  }
}

// Each own row's sums times its factor.
fn scale_rows(sums: ptr<function, Sums>, factors: array<vec4f, ROW_PARTS>) {
  for (var p = 0u; p < ROW_PARTS; p++) {
    for (var i = 0u; i < FOUR; i++) {
      for (var q = 0u; q < FOURS; q++) {
        (*sums)[(4u * p + i) * FOURS + q] *= factors[p][i];
      }
    }
    for (var r = 0u; r < ONES; r++) {
      (*sums)[EACH * FOURS + p * ONES + r] *= factors[p];
    }
  }
}

// Those of the rows from `first` on that there are, `at` being where the first row of the head is stored.
fn store_sums(product: u32, at: u32, first: u32, count: u32, sums: ptr<function, Sums>) {
  for (var p = 0u; p < ROW_PARTS; p++) {
    for (var i = 0u; i < FOUR; i++) {
      let row = first + own_row(4u * p + i);
      if (row < count) {
        let at_row = at + 4u * ROW * row;
        for (var q = 0u; q < FOURS; q++) {
          for (var d = 0u; d < FOUR; d++) {
            store_sum(product, at_row + 4u * (8u * q + my.x) + d, (*sums)[(4u * p + i) * FOURS + q][d]);
          }
        }
        for (var r = 0u; r < ONES; r++) {
          let column = 32u * FOURS + 8u * r + my.x;
          if (column < 4u * WIDTH) {
            store_sum(product, at_row + column, (*sums)[EACH * FOURS + p * ONES + r][i]);
          }
        }
      }
    }
  }
}
