// dk and dv of attention.quad.wgsl's `o0[c] = o0[c] * fade.x + p0.x * v0 + ...`: with p = exp(s - lse) recomputed, dv = pᵀ do,
// ds = p (do vᵀ - delta) and dk = dsᵀ q / sqrt(head size) (FlashAttention-2, arXiv 2307.08691, backward).
// dout, q: [BATCH, QUERIES, HEADS, WIDTH]; k, v, dk, dv: [BATCH, KEYS, HEADS, WIDTH]; lse, delta: [BATCH, HEADS, QUERIES]; WIDTH counted in
// Lanes.
// Four invocations (a quad) sixteen keys of a head, four each, against four queries at a time. Each reads one of those four and shares it
// by quad broadcasts, which cost next to nothing where a read costs dozens of instructions; no barriers. For adapters that run on the
// CPU. Workgroups [KEYS / 16, HEADS, BATCH].

enable subgroups;

alias Lanes = vec4f; // f32 where four does not divide the head size (lanes.ts)
const BATCH: u32 = 1;
const HEADS: u32 = 1;
const QUERIES: u32 = 4;
const KEYS: u32 = 4;
const WIDTH: u32 = 2;
const CAUSAL = false;
/** log2(e) / sqrt(head size). Like DOT times 1/4 where Lanes = f32: dot() in inner() then counts each product four times. */
const SCALE: f32 = 0.5;
const DOT: f32 = 1.0;
/** 1 / sqrt(head size). */
const SCORE_SCALE: f32 = 0.35;

const ROW: u32 = HEADS * WIDTH;
const LOWEST: f32 = -3.0e38;
const LOG2_E: f32 = 1.4426950408889634;

@group(0) @binding(0) var<storage, read> dout: array<Lanes>;
@group(0) @binding(1) var<storage, read> q: array<Lanes>;
@group(0) @binding(2) var<storage, read> k: array<Lanes>;
@group(0) @binding(3) var<storage, read> v: array<Lanes>;
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read> delta: array<f32>;
@group(0) @binding(6) var<storage, read_write> dk: array<Lanes>;
@group(0) @binding(7) var<storage, read_write> dv: array<Lanes>;

/** Scores of queries first ... first + 3 for a key, at the lowest those that may not see it or do not exist. */
fn visible(scores: vec4f, key: u32, first: u32) -> vec4f {
  let query = vec4u(first, first + 1u, first + 2u, first + 3u);
  if (CAUSAL) { return select(vec4f(LOWEST), scores, (query >= vec4u(key)) & (query < vec4u(QUERIES))); }
  if (QUERIES % 4u != 0u) { return select(vec4f(LOWEST), scores, query < vec4u(QUERIES)); }
  return scores;
}

// The first workgroup of this dispatch: a grid that would hold the GPU for long runs in turns (turns.ts).
const FIRST_X = 0u;
const FIRST_Y = 0u;
const FIRST_Z = 0u;

@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) turn: vec3u, @builtin(local_invocation_index) lane: u32) {
  let workgroup = turn + vec3u(FIRST_X, FIRST_Y, FIRST_Z);
  let key = (workgroup.x * 4u + lane) * 4u;
  let batch = workgroup.z;
  let batch_head = batch * HEADS + workgroup.y;
  let column = workgroup.y * WIDTH;
  // Keys past the end repeat the last one and are not written.
  let row0 = (batch * KEYS + min(key, KEYS - 1u)) * ROW + column;
  let row1 = (batch * KEYS + min(key + 1u, KEYS - 1u)) * ROW + column;
  let row2 = (batch * KEYS + min(key + 2u, KEYS - 1u)) * ROW + column;
  let row3 = (batch * KEYS + min(key + 3u, KEYS - 1u)) * ROW + column;
  let stats = batch_head * QUERIES;

  var k0: array<Lanes, WIDTH>;
  var k1: array<Lanes, WIDTH>;
  var k2: array<Lanes, WIDTH>;
  var k3: array<Lanes, WIDTH>;
  var v0: array<Lanes, WIDTH>;
  var v1: array<Lanes, WIDTH>;
  var v2: array<Lanes, WIDTH>;
  var v3: array<Lanes, WIDTH>;
  var dk0: array<Lanes, WIDTH>;
  var dk1: array<Lanes, WIDTH>;
  var dk2: array<Lanes, WIDTH>;
  var dk3: array<Lanes, WIDTH>;
  var dv0: array<Lanes, WIDTH>;
  var dv1: array<Lanes, WIDTH>;
  var dv2: array<Lanes, WIDTH>;
  var dv3: array<Lanes, WIDTH>;
  for (var c = 0u; c < WIDTH; c++) {
    k0[c] = SCALE * k[row0 + c];
    k1[c] = SCALE * k[row1 + c];
    k2[c] = SCALE * k[row2 + c];
    k3[c] = SCALE * k[row3 + c];
    v0[c] = DOT * v[row0 + c];
    v1[c] = DOT * v[row1 + c];
    v2[c] = DOT * v[row2 + c];
    v3[c] = DOT * v[row3 + c];
  }
  // A query sees no key behind itself.
  for (var first = select(0u, workgroup.x * 16u, CAUSAL); first < QUERIES; first += 4u) {
    let own_query = min(first + lane, QUERIES - 1u);
    let row = (batch * QUERIES + own_query) * ROW + column;
    let own_lse = LOG2_E * lse[stats + own_query];
    let own_delta = delta[stats + own_query];
    let lse4 = vec4f(quadBroadcast(own_lse, 0u), quadBroadcast(own_lse, 1u), quadBroadcast(own_lse, 2u), quadBroadcast(own_lse, 3u));
    let delta4 = vec4f(quadBroadcast(own_delta, 0u), quadBroadcast(own_delta, 1u), quadBroadcast(own_delta, 2u), quadBroadcast(own_delta, 3u));
    var s0 = vec4f(0.0);
    var s1 = vec4f(0.0);
    var s2 = vec4f(0.0);
    var s3 = vec4f(0.0);
    var dp0 = vec4f(0.0);
    var dp1 = vec4f(0.0);
    var dp2 = vec4f(0.0);
    var dp3 = vec4f(0.0);
    for (var c = 0u; c < WIDTH; c++) {
      let own_q = q[row + c];
      let q0 = quadBroadcast(own_q, 0u);
      let q1 = quadBroadcast(own_q, 1u);
      let q2 = quadBroadcast(own_q, 2u);
      let q3 = quadBroadcast(own_q, 3u);
      let own_do = dout[row + c];
      let do0 = quadBroadcast(own_do, 0u);
      let do1 = quadBroadcast(own_do, 1u);
      let do2 = quadBroadcast(own_do, 2u);
      let do3 = quadBroadcast(own_do, 3u);
      s0 += vec4f(inner(k0[c], q0), inner(k0[c], q1), inner(k0[c], q2), inner(k0[c], q3));
      s1 += vec4f(inner(k1[c], q0), inner(k1[c], q1), inner(k1[c], q2), inner(k1[c], q3));
      s2 += vec4f(inner(k2[c], q0), inner(k2[c], q1), inner(k2[c], q2), inner(k2[c], q3));
      s3 += vec4f(inner(k3[c], q0), inner(k3[c], q1), inner(k3[c], q2), inner(k3[c], q3));
      dp0 += vec4f(inner(v0[c], do0), inner(v0[c], do1), inner(v0[c], do2), inner(v0[c], do3));
      dp1 += vec4f(inner(v1[c], do0), inner(v1[c], do1), inner(v1[c], do2), inner(v1[c], do3));
      dp2 += vec4f(inner(v2[c], do0), inner(v2[c], do1), inner(v2[c], do2), inner(v2[c], do3));
      dp3 += vec4f(inner(v3[c], do0), inner(v3[c], do1), inner(v3[c], do2), inner(v3[c], do3));
    }
    let p0 = exp2(visible(s0, key, first) - lse4);
    let p1 = exp2(visible(s1, key + 1u, first) - lse4);
    let p2 = exp2(visible(s2, key + 2u, first) - lse4);
    let p3 = exp2(visible(s3, key + 3u, first) - lse4);
    let ds0 = p0 * (dp0 - delta4);
    let ds1 = p1 * (dp1 - delta4);
    let ds2 = p2 * (dp2 - delta4);
    let ds3 = p3 * (dp3 - delta4);
    for (var c = 0u; c < WIDTH; c++) {
      let own_q = q[row + c];
      let q0 = quadBroadcast(own_q, 0u);
      let q1 = quadBroadcast(own_q, 1u);
      let q2 = quadBroadcast(own_q, 2u);
      let q3 = quadBroadcast(own_q, 3u);
      let own_do = dout[row + c];
      let do0 = quadBroadcast(own_do, 0u);
      let do1 = quadBroadcast(own_do, 1u);
      let do2 = quadBroadcast(own_do, 2u);
      let do3 = quadBroadcast(own_do, 3u);
      dk0[c] += ds0.x * q0 + ds0.y * q1 + ds0.z * q2 + ds0.w * q3;
      dk1[c] += ds1.x * q0 + ds1.y * q1 + ds1.z * q2 + ds1.w * q3;
      dk2[c] += ds2.x * q0 + ds2.y * q1 + ds2.z * q2 + ds2.w * q3;
      dk3[c] += ds3.x * q0 + ds3.y * q1 + ds3.z * q2 + ds3.w * q3;
      dv0[c] += p0.x * do0 + p0.y * do1 + p0.z * do2 + p0.w * do3;
      dv1[c] += p1.x * do0 + p1.y * do1 + p1.z * do2 + p1.w * do3;
      dv2[c] += p2.x * do0 + p2.y * do1 + p2.z * do2 + p2.w * do3;
      dv3[c] += p3.x * do0 + p3.y * do1 + p3.z * do2 + p3.w * do3;
    }
  }
  if (key < KEYS) {
    for (var c = 0u; c < WIDTH; c++) {
      dk[row0 + c] = SCORE_SCALE * dk0[c];
      dv[row0 + c] = dv0[c];
    }
  }
  if (key + 1u < KEYS) {
    for (var c = 0u; c < WIDTH; c++) {
      dk[row1 + c] = SCORE_SCALE * dk1[c];
      dv[row1 + c] = dv1[c];
    }
  }
  if (key + 2u < KEYS) {
    for (var c = 0u; c < WIDTH; c++) {
      dk[row2 + c] = SCORE_SCALE * dk2[c];
      dv[row2 + c] = dv2[c];
    }
  }
  if (key + 3u < KEYS) {
    for (var c = 0u; c < WIDTH; c++) {
      dk[row3 + c] = SCORE_SCALE * dk3[c];
      dv[row3 + c] = dv3[c];
    }
  }
}
