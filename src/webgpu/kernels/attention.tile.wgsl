// The contract of attention.workgroup.wgsl, for GPUs and heads that four divides: large tiles of queries and keys, their products in
// shared/attentionTile.wgsl. q, k, v in fours; o in single elements. One exponential a score, one a row and tile of keys.
// Workgroups [QUERIES / OWN, HEADS, BATCH].

const HEADS = 1u;
const QUERIES = 64u;
const KEYS = 32u;
/** Fours of a head. */
const WIDTH = 10u;
const CAUSAL = false;
const THREADS_Y = 8u;
const ROW_PARTS = 2u;
const CHUNK = 5u;
const CHUNKS = 2u;
const OWN_COPIES = 5u;
const OTHER_COPIES = 2u;
const FOURS = 1u;
const ONES = 1u;
const VALUE_ROWS = 32u;
const VALUE_COPIES = 5u;
/** log2(e) / sqrt(head size). */
const SCALE = 0.2f;

const ROW = HEADS * WIDTH;

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> o: array<f32>;
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;

fn own_four(product: u32, at: u32) -> vec4f {
  return q[at];
}

fn other_four(product: u32, at: u32) -> vec4f {
  return k[at];
}

fn value_four(product: u32, at: u32) -> vec4f {
  return v[at];
}

fn store_sum(product: u32, at: u32, x: f32) {
  o[at] = x;
}

// Where four own rows keep their largest score yet, and what that makes of their sums before.
fn top_at(fours: u32) -> u32 {
  return fours * WEIGHTS_PITCH + OWN_FOURS; // whole
  //half return THREADS_X * WEIGHTS_PITCH + fours;
}

fn fade_at(fours: u32) -> u32 {
  return (OWN_FOURS + fours) * WEIGHTS_PITCH + OWN_FOURS; // whole
  //half return THREADS_X * WEIGHTS_PITCH + OWN_FOURS + fours;
}

fn keep(at: u32, of_four: vec4f) {
  weights[at] = of_four; // whole
  //half of_rows[at] = of_four;
}

fn kept(at: u32) -> vec4f {
  return weights[at]; // whole
  //half return of_rows[at];
}

// The first workgroup of this dispatch: a grid that would hold the GPU for long runs in turns (turns.ts).
const FIRST_X = 0u;
const FIRST_Y = 0u;
const FIRST_Z = 0u;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) turn: vec3u, @builtin(local_invocation_index) index: u32) {
  let group = turn + vec3u(FIRST_X, FIRST_Y, FIRST_Z);
  begin(index);
  let own_first = group.x * OWN;
  let own = rows_of(group.z * QUERIES, own_first, QUERIES, group.y);
  if (index < OWN_FOURS) {
    keep(top_at(index), vec4f(LOWEST));
  }
  var sums: Sums;
  // Of exp2(score - top), over the keys that this invocation meets.
  var total: array<vec4f, ROW_PARTS>;
  let end = select(KEYS, min(KEYS, own_first + OWN), CAUSAL);
  for (var first = 0u; first < end; first += OTHERS) {
    let other = rows_of(group.z * KEYS, first, KEYS, group.y);
    multiply(0u, own, other);
    if (CAUSAL || KEYS % OTHERS != 0u) {
      for (var i = 0u; i < EACH; i++) {
        let keys = others_from(first);
        let seen = (keys < vec4u(KEYS)) & (keys <= vec4u(select(KEYS, own_first + own_row(i), CAUSAL)));
        scores[i] = select(vec4f(LOWEST), scores[i], seen);
      }
    }
    for (var p = 0u; p < ROW_PARTS; p++) {
      keep(
        my.x * WEIGHTS_PITCH + p * THREADS_Y + my.y,
        vec4f(largest(scores[4u * p]), largest(scores[4u * p + 1u]), largest(scores[4u * p + 2u]), largest(scores[4u * p + 3u])),
      );
    }
    workgroupBarrier();
    if (index < OWN_FOURS) {
      let before = kept(top_at(index));
      var most = vec4f(LOWEST);
      for (var x = 0u; x < THREADS_X; x++) {
        most = max(most, kept(x * WEIGHTS_PITCH + index));
      }
      let top = max(before, SCALE * most);
      keep(top_at(index), top);
      keep(fade_at(index), exp2(before - top));
    }
    workgroupBarrier();
    var fades: array<vec4f, ROW_PARTS>;
    for (var p = 0u; p < ROW_PARTS; p++) {
      // The first tile has a key that every query sees, so no top is the lowest, and what is not seen counts as 0.
      let top = kept(top_at(p * THREADS_Y + my.y));
      for (var i = 0u; i < FOUR; i++) {
        scores[4u * p + i] = exp2(SCALE * scores[4u * p + i] - top[i]);
      }
      fades[p] = kept(fade_at(p * THREADS_Y + my.y));
      let columns = transposed(scores[4u * p], scores[4u * p + 1u], scores[4u * p + 2u], scores[4u * p + 3u]);
      total[p] = total[p] * fades[p] + ((columns[0] + columns[1]) + (columns[2] + columns[3]));
    }
    scale_rows(&sums, fades);
    leave_weights();
    weigh(0u, other, &sums);
  }
  workgroupBarrier();
  for (var p = 0u; p < ROW_PARTS; p++) {
    keep(my.x * WEIGHTS_PITCH + p * THREADS_Y + my.y, total[p]);
  }
  workgroupBarrier();
  var shares: array<vec4f, ROW_PARTS>;
  for (var p = 0u; p < ROW_PARTS; p++) {
    let fours = p * THREADS_Y + my.y;
    var all = vec4f();
    for (var x = 0u; x < THREADS_X; x++) {
      all += kept(x * WEIGHTS_PITCH + fours);
    }
    shares[p] = 1.0 / all;
    let logarithms = (kept(top_at(fours)) + log2(all)) * 0.6931471805599453;
    if (my.x == 0u) {
      for (var i = 0u; i < FOUR; i++) {
        let query = own_first + own_row(4u * p + i);
        if (query < QUERIES) {
          lse[(group.z * HEADS + group.y) * QUERIES + query] = logarithms[i];
        }
      }
    }
  }
  scale_rows(&sums, shares);
  store_sums(0u, 4u * (group.z * QUERIES * ROW + group.y * WIDTH), own_first, QUERIES, &sums);
}
