// The contract of attentionGradQuery.workgroup.wgsl, for GPUs and heads that four divides: large tiles of queries and keys, their products in
// shared/attentionTile.wgsl. dout, q, k, v, o in fours; dq in single elements. Workgroups [QUERIES / OWN, HEADS, BATCH].

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
/** 1 / sqrt(head size). */
const SCORE_SCALE = 0.15f;

const ROW = HEADS * WIDTH;
const LOG2_E = 1.4426950408889634f;

@group(0) @binding(0) var<storage, read> dout: array<vec4f>;
@group(0) @binding(1) var<storage, read> q: array<vec4f>;
@group(0) @binding(2) var<storage, read> k: array<vec4f>;
@group(0) @binding(3) var<storage, read> v: array<vec4f>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read> o: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dq: array<f32>;
@group(0) @binding(7) var<storage, read_write> delta: array<f32>;

// Products: 0 of q and k, 1 of dout and v.
fn own_four(product: u32, at: u32) -> vec4f {
  if (product == 0u) {
    return q[at];
  }
  return dout[at];
}

fn other_four(product: u32, at: u32) -> vec4f {
  if (product == 0u) {
    return k[at];
  }
  return v[at];
}

fn value_four(product: u32, at: u32) -> vec4f {
  return k[at];
}

fn store_sum(product: u32, at: u32, x: f32) {
  dq[at] = SCORE_SCALE * x;
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
  // An invocation a row, each of which eight invocations then read.
  if (index < OWN && own_first + index < QUERIES) {
    let row = ((group.z * QUERIES + own_first + index) * HEADS + group.y) * WIDTH;
    var products = vec4f();
    for (var c = 0u; c < WIDTH; c++) { products += dout[row + c] * o[row + c]; }
    delta[(group.z * HEADS + group.y) * QUERIES + own_first + index] = dot(products, vec4f(1.0));
  }
  storageBarrier();
  var own_lse: array<f32, EACH>;
  var own_delta: array<f32, EACH>;
  for (var i = 0u; i < EACH; i++) {
    let at = (group.z * HEADS + group.y) * QUERIES + min(own_first + own_row(i), QUERIES - 1u);
    own_lse[i] = LOG2_E * lse[at];
    own_delta[i] = delta[at];
  }
  var sums: Sums;
  let end = select(KEYS, min(KEYS, own_first + OWN), CAUSAL);
  for (var first = 0u; first < end; first += OTHERS) {
    let other = rows_of(group.z * KEYS, first, KEYS, group.y);
    multiply(0u, own, other);
    var shares: array<vec4f, EACH>;
    for (var i = 0u; i < EACH; i++) {
      shares[i] = exp2(SCALE * scores[i] - own_lse[i]);
      if (CAUSAL || KEYS % OTHERS != 0u) {
        let keys = others_from(first);
        let seen = (keys < vec4u(KEYS)) & (keys <= vec4u(select(KEYS, own_first + own_row(i), CAUSAL)));
        shares[i] = select(vec4f(), shares[i], seen);
      }
    }
    multiply(1u, own, other);
    for (var i = 0u; i < EACH; i++) {
      scores[i] = shares[i] * (scores[i] - own_delta[i]);
    }
    leave_weights();
    weigh(0u, other, &sums);
  }
  store_sums(0u, 4u * (group.z * QUERIES * ROW + group.y * WIDTH), own_first, QUERIES, &sums);
}
