// o = softmax(q kᵀ / sqrt(head size)) v for each head, and lse = log of the sum of exp of the scaled scores; scores are never stored
// (FlashAttention-2, arXiv 2307.08691, forward: online softmax).
// Scores are kept in base 2: SCALE = log2(e) / sqrt(head size).
// q, o: [BATCH, QUERIES, HEADS, WIDTH]; k, v: [BATCH, KEYS, HEADS, WIDTH]; lse: [BATCH, HEADS, QUERIES]; WIDTH counted in Lanes.
// One workgroup 16 queries of a head, four invocations each, which share the columns; tiles of keys and values in workgroup memory. Workgroups
// [QUERIES / 16, HEADS, BATCH].

alias Lanes = vec4f; // f32 where four does not divide the head size (lanes.ts)
/** Elements in one Lanes. */
const LANES: f32 = 4.0;
const BATCH: u32 = 1;
const HEADS: u32 = 1;
const QUERIES: u32 = 16;
const KEYS: u32 = 16;
const WIDTH: u32 = 4;
const CAUSAL = false;
/** Keys staged at a time. */
const TILE: u32 = 16;
/** Lanes of a head that one invocation keeps: its columns are lane, lane + 4, ... */
const PER_LANE: u32 = 1;
const SCALE: f32 = 0.5;

const ROW: u32 = HEADS * WIDTH;
/** Rows of the tiles, padded so that all four invocations of a row see as many columns. */
const STRIDE: u32 = 4u * PER_LANE;
const WORKGROUP_SIZE: u32 = 64;
const ROWS: u32 = WORKGROUP_SIZE / 4u;
const LOWEST: f32 = -3.0e38;

@group(0) @binding(0) var<storage, read> q: array<Lanes>;
@group(0) @binding(1) var<storage, read> k: array<Lanes>;
@group(0) @binding(2) var<storage, read> v: array<Lanes>;
@group(0) @binding(3) var<storage, read_write> o: array<Lanes>;
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;

var<workgroup> k_tile: array<Lanes, TILE * STRIDE>;
var<workgroup> v_tile: array<Lanes, TILE * STRIDE>;
/** Parts of scores: [ROWS, TILE, 4]. */
var<workgroup> parts: array<f32, ROWS * TILE * 4u>;

// The first workgroup of this dispatch: a grid that would hold the GPU for long runs in turns (turns.ts).
const FIRST_X = 0u;
const FIRST_Y = 0u;
const FIRST_Z = 0u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) turn: vec3u, @builtin(local_invocation_index) local: u32) {
  let workgroup = turn + vec3u(FIRST_X, FIRST_Y, FIRST_Z);
  let lane = local % 4u;
  let query = workgroup.x * ROWS + local / 4u;
  let column = workgroup.y * WIDTH;
  let row = (workgroup.z * QUERIES + min(query, QUERIES - 1u)) * ROW + column;

  var q_own: array<Lanes, PER_LANE>;
  var o_own: array<Lanes, PER_LANE>;
  for (var c = 0u; c < PER_LANE; c++) {
    let at = lane + 4u * c;
    q_own[c] = select(Lanes(0.0), SCALE * q[row + min(at, WIDTH - 1u)], at < WIDTH);
  }
  var top = LOWEST; // running maximum
  var sum = 0.0; // of exp2(score - top)
  let end = select(KEYS, min(KEYS, (workgroup.x + 1u) * ROWS), CAUSAL);
  for (var first = 0u; first < end; first += TILE) {
    for (var i = local; i < TILE * STRIDE; i += WORKGROUP_SIZE) {
      let key = first + i / STRIDE;
      let at = i % STRIDE;
      let source = (workgroup.z * KEYS + min(key, KEYS - 1u)) * ROW + column + min(at, WIDTH - 1u);
      let inside = key < KEYS && at < WIDTH;
      k_tile[i] = select(Lanes(0.0), k[source], inside);
      v_tile[i] = select(Lanes(0.0), v[source], inside);
    }
    workgroupBarrier();
    for (var j = 0u; j < TILE; j++) {
      var part = Lanes(0.0);
      for (var c = 0u; c < PER_LANE; c++) { part += q_own[c] * k_tile[j * STRIDE + lane + 4u * c]; }
      parts[(local / 4u * TILE + j) * 4u + lane] = total(part);
    }
    workgroupBarrier();
    var scores: array<f32, TILE>;
    var raised = top;
    for (var j = 0u; j < TILE; j++) {
      let at = (local / 4u * TILE + j) * 4u;
      let seen = first + j < KEYS && (!CAUSAL || first + j <= query);
      scores[j] = select(LOWEST, (parts[at] + parts[at + 1u]) + (parts[at + 2u] + parts[at + 3u]), seen);
      raised = max(raised, scores[j]);
    }
    let fade = exp2(top - raised);
    top = raised;
    sum *= fade;
    for (var c = 0u; c < PER_LANE; c++) { o_own[c] *= fade; }
    for (var j = 0u; j < TILE; j++) {
      // A tile that a query sees nothing of leaves top at the lowest: exp2(0) must not count.
      let p = select(0.0, exp2(scores[j] - top), scores[j] > LOWEST);
      sum += p;
      for (var c = 0u; c < PER_LANE; c++) { o_own[c] += p * v_tile[j * STRIDE + lane + 4u * c]; }
    }
    workgroupBarrier();
  }
  if (query >= QUERIES) { return; }
  for (var c = 0u; c < PER_LANE; c++) {
    if (lane + 4u * c < WIDTH) { o[row + lane + 4u * c] = o_own[c] / sum; }
  }
  if (lane == 0u) { lse[(workgroup.z * HEADS + workgroup.y) * QUERIES + query] = (top + log2(sum)) * 0.6931471805599453; }
}
