// The contract of attentionGradKeyValue.workgroup.wgsl, for GPUs and heads that four divides: large tiles of keys and queries, their products in
// shared/attentionTile.wgsl. dout, q, k, v in fours; dk, dv in single elements. Where there are few keys the queries are split, and dk and dv are
// partial sums: [SPLITS, BATCH, KEYS, HEADS, WIDTH], to be added up by splitSum.wgsl. Where a head is so large that the sums of both want too many
// registers, one workgroup makes dk and another dv.
// Workgroups [SPLITS * KEYS / OWN (twice that, if apart), HEADS, BATCH].

const BATCH = 1u;
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
/** Queries of one split, a multiple of OTHERS. */
const SPLIT = 64u;
/** Whether dk and dv are made apart. */
const APART = false;

const ROW = HEADS * WIDTH;
const LOG2_E = 1.4426950408889634f;

@group(0) @binding(0) var<storage, read> dout: array<vec4f>;
@group(0) @binding(1) var<storage, read> q: array<vec4f>;
@group(0) @binding(2) var<storage, read> k: array<vec4f>;
@group(0) @binding(3) var<storage, read> v: array<vec4f>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read> delta: array<f32>;
@group(0) @binding(6) var<storage, read_write> dk: array<f32>;
@group(0) @binding(7) var<storage, read_write> dv: array<f32>;

// Products: 0 of k and q, whose weights are summed with q; 1 of v and dout, with dout.
fn own_four(product: u32, at: u32) -> vec4f {
  if (product == 0u) {
    return k[at];
  }
  return v[at];
}

fn other_four(product: u32, at: u32) -> vec4f {
  if (product == 0u) {
    return q[at];
  }
  return dout[at];
}

fn value_four(product: u32, at: u32) -> vec4f {
  return other_four(product, at);
}

fn store_sum(product: u32, at: u32, x: f32) {
  if (product == 0u) {
    dk[at] = SCORE_SCALE * x;
  } else {
    dv[at] = x;
  }
}

// The first workgroup of this dispatch: a grid that would hold the GPU for long runs in turns (turns.ts).
const FIRST_X = 0u;
const FIRST_Y = 0u;
const FIRST_Z = 0u;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) turn: vec3u, @builtin(local_invocation_index) index: u32) {
  let group = turn + vec3u(FIRST_X, FIRST_Y, FIRST_Z);
  begin(index);
  // 0: dk; 1: dv.
  let made = select(0u, group.x % 2u, APART);
  let part = select(group.x, group.x / 2u, APART);
  let tiles = (KEYS + OWN - 1u) / OWN;
  let split = part / tiles;
  let own_first = part % tiles * OWN;
  let own = rows_of(group.z * KEYS, own_first, KEYS, group.y);
  let stats = (group.z * HEADS + group.y) * QUERIES;
  // Of dk, or of what is made.
  var sums: Sums;
  var dv_sums: Sums;
  // A query sees no key behind itself.
  let start = max(split * SPLIT, select(0u, own_first / OTHERS * OTHERS, CAUSAL));
  let end = min(QUERIES, (split + 1u) * SPLIT);
  for (var first = start; first < end; first += OTHERS) {
    let other = rows_of(group.z * QUERIES, first, QUERIES, group.y);
    let queries = others_from(first);
    let known = stats + min(queries, vec4u(QUERIES - 1u));
    multiply(0u, own, other);
    let other_lse = LOG2_E * vec4f(lse[known.x], lse[known.y], lse[known.z], lse[known.w]);
    var shares: array<vec4f, EACH>;
    for (var i = 0u; i < EACH; i++) {
      shares[i] = exp2(SCALE * scores[i] - other_lse);
      if (CAUSAL || QUERIES % OTHERS != 0u) {
        let seen = (queries < vec4u(QUERIES)) & (queries >= vec4u(select(0u, own_first + own_row(i), CAUSAL)));
        shares[i] = select(vec4f(), shares[i], seen);
      }
      scores[i] = shares[i];
    }
    if (!APART) {
      leave_weights();
      weigh(1u, other, &dv_sums);
    }
    if (made == 0u) {
      multiply(1u, own, other);
      let other_delta = vec4f(delta[known.x], delta[known.y], delta[known.z], delta[known.w]);
      for (var i = 0u; i < EACH; i++) {
        scores[i] = shares[i] * (scores[i] - other_delta);
      }
    }
    leave_weights();
    weigh(made, other, &sums);
  }
  let at = 4u * ((split * BATCH + group.z) * KEYS * ROW + group.y * WIDTH);
  store_sums(made, at, own_first, KEYS, &sums);
  if (!APART) {
    store_sums(1u, at, own_first, KEYS, &dv_sums);
  }
}
