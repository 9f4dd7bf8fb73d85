// dq of attention.quad.wgsl's `o0[c] = o0[c] * fade.x + p0.x * v0 + ...`: with p = exp(s - lse) recomputed, ds = p (do vᵀ - delta) and
// dq = ds k / sqrt(head size) (FlashAttention-2, arXiv 2307.08691, backward). A kernel of its own: WGSL has no float atomics.
// dout, q, o, dq: [BATCH, QUERIES, HEADS, WIDTH]; k, v: [BATCH, KEYS, HEADS, WIDTH]; lse, delta: [BATCH, HEADS, QUERIES]; WIDTH counted in Lanes.
// delta, the sum of do * o over a head, is made here, for the gradient of keys and values.
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
/** log2(e) / sqrt(head size). */
const SCALE: f32 = 0.5;
/** 1 / sqrt(head size). */
const SCORE_SCALE: f32 = 0.35;

const ROW: u32 = HEADS * WIDTH;
/** Rows of the tiles, padded so that all four invocations of a row see as many columns. */
const STRIDE: u32 = 4u * PER_LANE;
const WORKGROUP_SIZE: u32 = 64;
const ROWS: u32 = WORKGROUP_SIZE / 4u;
const LOWEST: f32 = -3.0e38;
const LOG2_E: f32 = 1.4426950408889634;

@group(0) @binding(0) var<storage, read> dout: array<Lanes>;
@group(0) @binding(1) var<storage, read> q: array<Lanes>;
@group(0) @binding(2) var<storage, read> k: array<Lanes>;
@group(0) @binding(3) var<storage, read> v: array<Lanes>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read> o: array<Lanes>;
@group(0) @binding(6) var<storage, read_write> dq: array<Lanes>;
@group(0) @binding(7) var<storage, read_write> delta: array<f32>;

var<workgroup> k_tile: array<Lanes, TILE * STRIDE>;
var<workgroup> v_tile: array<Lanes, TILE * STRIDE>;
/** Parts of scores and of do vᵀ: [ROWS, TILE, 4]. */
var<workgroup> parts: array<vec2f, ROWS * TILE * 4u>;

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
  let known = min(query, QUERIES - 1u);
  let row = (workgroup.z * QUERIES + known) * ROW + column;
  let stats = (workgroup.z * HEADS + workgroup.y) * QUERIES + known;
  let own_lse = LOG2_E * lse[stats];

  var q_own: array<Lanes, PER_LANE>;
  var do_own: array<Lanes, PER_LANE>;
  var dq_own: array<Lanes, PER_LANE>;
  var product = Lanes(0.0);
  for (var c = 0u; c < PER_LANE; c++) {
    let at = lane + 4u * c;
    q_own[c] = select(Lanes(0.0), SCALE * q[row + min(at, WIDTH - 1u)], at < WIDTH);
    do_own[c] = select(Lanes(0.0), dout[row + min(at, WIDTH - 1u)], at < WIDTH);
    product += do_own[c] * o[row + min(at, WIDTH - 1u)];
  }
  parts[local].x = total(product);
  workgroupBarrier();
  let of_row = local - lane;
  let own_delta = (parts[of_row].x + parts[of_row + 1u].x) + (parts[of_row + 2u].x + parts[of_row + 3u].x);
  if (lane == 0u && query < QUERIES) { delta[stats] = own_delta; }
  workgroupBarrier();
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
      var score = Lanes(0.0);
      var dp = Lanes(0.0);
      for (var c = 0u; c < PER_LANE; c++) {
        score += q_own[c] * k_tile[j * STRIDE + lane + 4u * c];
        dp += do_own[c] * v_tile[j * STRIDE + lane + 4u * c];
      }
      parts[(local / 4u * TILE + j) * 4u + lane] = vec2f(total(score), total(dp));
    }
    workgroupBarrier();
    for (var j = 0u; j < TILE; j++) {
      let at = (local / 4u * TILE + j) * 4u;
      let sums = (parts[at] + parts[at + 1u]) + (parts[at + 2u] + parts[at + 3u]);
      let seen = first + j < KEYS && (!CAUSAL || first + j <= query);
      let ds = select(0.0, exp2(sums.x - own_lse) * (sums.y - own_delta), seen);
      for (var c = 0u; c < PER_LANE; c++) { dq_own[c] += ds * k_tile[j * STRIDE + lane + 4u * c]; }
    }
    workgroupBarrier();
  }
  if (query >= QUERIES) { return; }
  for (var c = 0u; c < PER_LANE; c++) {
    if (lane + 4u * c < WIDTH) { dq[row + lane + 4u * c] = SCORE_SCALE * dq_own[c]; }
  }
}
