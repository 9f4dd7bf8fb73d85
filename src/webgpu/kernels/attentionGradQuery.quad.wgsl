// dq of attention.quad.wgsl's `o0[c] = o0[c] * fade.x + p0.x * v0 + ...`: with p = exp(s - lse) recomputed, ds = p (do vᵀ - delta) and
// dq = ds k / sqrt(head size) (FlashAttention-2, arXiv 2307.08691, backward). A kernel of its own: WGSL has no float atomics.
// dout, q, o, dq: [BATCH, QUERIES, HEADS, WIDTH]; k, v: [BATCH, KEYS, HEADS, WIDTH]; lse, delta: [BATCH, HEADS, QUERIES]; WIDTH counted in Lanes.
// delta, the sum of do * o over a head, is made here, for the gradient of keys and values.
// Four invocations (a quad) sixteen queries of a head, four each, against four keys at a time. Each reads one of those four and shares it
// by quad broadcasts, which cost next to nothing where a read costs dozens of instructions; no barriers. For adapters that run on the
// CPU. Workgroups [QUERIES / 16, HEADS, BATCH].

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
@group(0) @binding(5) var<storage, read> o: array<Lanes>;
@group(0) @binding(6) var<storage, read_write> dq: array<Lanes>;
@group(0) @binding(7) var<storage, read_write> delta: array<f32>;

// The first workgroup of this dispatch: a grid that would hold the GPU for long runs in turns (turns.ts).
const FIRST_X = 0u;
const FIRST_Y = 0u;
const FIRST_Z = 0u;

@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) turn: vec3u, @builtin(local_invocation_index) lane: u32) {
  let workgroup = turn + vec3u(FIRST_X, FIRST_Y, FIRST_Z);
  let query = (workgroup.x * 4u + lane) * 4u;
  let batch = workgroup.z;
  let batch_head = batch * HEADS + workgroup.y;
  let column = workgroup.y * WIDTH;
  // Queries past the end repeat the last one and are not written.
  let query0 = min(query, QUERIES - 1u);
  let query1 = min(query + 1u, QUERIES - 1u);
  let query2 = min(query + 2u, QUERIES - 1u);
  let query3 = min(query + 3u, QUERIES - 1u);
  let row0 = (batch * QUERIES + query0) * ROW + column;
  let row1 = (batch * QUERIES + query1) * ROW + column;
  let row2 = (batch * QUERIES + query2) * ROW + column;
  let row3 = (batch * QUERIES + query3) * ROW + column;
  let stats = batch_head * QUERIES;
  let lse4 = LOG2_E * vec4f(lse[stats + query0], lse[stats + query1], lse[stats + query2], lse[stats + query3]);
  var delta4 = vec4f();
  // One after another and never written out (attention.ts): it runs once, and reads are what takes long to compile.
  for (var i = 0u; i < 4u; i++) {
    let row = (batch * QUERIES + min(query + i, QUERIES - 1u)) * ROW + column;
    var sum = 0.0;
    for (var c = 0u; c != WIDTH; c++) { sum += DOT * inner(dout[row + c], o[row + c]); }
    delta4 = select(delta4, vec4f(sum), vec4u(i) == vec4u(0u, 1u, 2u, 3u));
    if (query + i < QUERIES) { delta[stats + query + i] = sum; }
  }

  var q0: array<Lanes, WIDTH>;
  var q1: array<Lanes, WIDTH>;
  var q2: array<Lanes, WIDTH>;
  var q3: array<Lanes, WIDTH>;
  var do0: array<Lanes, WIDTH>;
  var do1: array<Lanes, WIDTH>;
  var do2: array<Lanes, WIDTH>;
  var do3: array<Lanes, WIDTH>;
  var dq0: array<Lanes, WIDTH>;
  var dq1: array<Lanes, WIDTH>;
  var dq2: array<Lanes, WIDTH>;
  var dq3: array<Lanes, WIDTH>;
  for (var c = 0u; c < WIDTH; c++) {
    q0[c] = SCALE * q[row0 + c];
    q1[c] = SCALE * q[row1 + c];
    q2[c] = SCALE * q[row2 + c];
    q3[c] = SCALE * q[row3 + c];
    do0[c] = DOT * dout[row0 + c];
    do1[c] = DOT * dout[row1 + c];
    do2[c] = DOT * dout[row2 + c];
    do3[c] = DOT * dout[row3 + c];
  }
  let end = select(KEYS, min(KEYS, (workgroup.x + 1u) * 16u), CAUSAL);
  for (var first = 0u; first < end; first += 4u) {
    let key = (batch * KEYS + min(first + lane, KEYS - 1u)) * ROW + column;
    var s0 = vec4f(0.0);
    var s1 = vec4f(0.0);
    var s2 = vec4f(0.0);
    var s3 = vec4f(0.0);
    var dp0 = vec4f(0.0);
    var dp1 = vec4f(0.0);
    var dp2 = vec4f(0.0);
    var dp3 = vec4f(0.0);
    for (var c = 0u; c < WIDTH; c++) {
      let own_k = k[key + c];
      let k0 = quadBroadcast(own_k, 0u);
      let k1 = quadBroadcast(own_k, 1u);
      let k2 = quadBroadcast(own_k, 2u);
      let k3 = quadBroadcast(own_k, 3u);
      let own_v = v[key + c];
      let v0 = quadBroadcast(own_v, 0u);
      let v1 = quadBroadcast(own_v, 1u);
      let v2 = quadBroadcast(own_v, 2u);
      let v3 = quadBroadcast(own_v, 3u);
      s0 += vec4f(inner(q0[c], k0), inner(q0[c], k1), inner(q0[c], k2), inner(q0[c], k3));
      s1 += vec4f(inner(q1[c], k0), inner(q1[c], k1), inner(q1[c], k2), inner(q1[c], k3));
      s2 += vec4f(inner(q2[c], k0), inner(q2[c], k1), inner(q2[c], k2), inner(q2[c], k3));
      s3 += vec4f(inner(q3[c], k0), inner(q3[c], k1), inner(q3[c], k2), inner(q3[c], k3));
      dp0 += vec4f(inner(do0[c], v0), inner(do0[c], v1), inner(do0[c], v2), inner(do0[c], v3));
      dp1 += vec4f(inner(do1[c], v0), inner(do1[c], v1), inner(do1[c], v2), inner(do1[c], v3));
      dp2 += vec4f(inner(do2[c], v0), inner(do2[c], v1), inner(do2[c], v2), inner(do2[c], v3));
      dp3 += vec4f(inner(do3[c], v0), inner(do3[c], v1), inner(do3[c], v2), inner(do3[c], v3));
    }
    let ds0 = exp2(visible(s0, first, query) - lse4.x) * (dp0 - delta4.x);
    let ds1 = exp2(visible(s1, first, query + 1u) - lse4.y) * (dp1 - delta4.y);
    let ds2 = exp2(visible(s2, first, query + 2u) - lse4.z) * (dp2 - delta4.z);
    let ds3 = exp2(visible(s3, first, query + 3u) - lse4.w) * (dp3 - delta4.w);
    for (var c = 0u; c < WIDTH; c++) {
      let own_k = k[key + c];
      let k0 = quadBroadcast(own_k, 0u);
      let k1 = quadBroadcast(own_k, 1u);
      let k2 = quadBroadcast(own_k, 2u);
      let k3 = quadBroadcast(own_k, 3u);
      dq0[c] += ds0.x * k0 + ds0.y * k1 + ds0.z * k2 + ds0.w * k3;
      dq1[c] += ds1.x * k0 + ds1.y * k1 + ds1.z * k2 + ds1.w * k3;
      dq2[c] += ds2.x * k0 + ds2.y * k1 + ds2.z * k2 + ds2.w * k3;
      dq3[c] += ds3.x * k0 + ds3.y * k1 + ds3.z * k2 + ds3.w * k3;
    }
  }
  if (query < QUERIES) {
    for (var c = 0u; c < WIDTH; c++) { dq[row0 + c] = SCORE_SCALE * dq0[c]; }
  }
  if (query + 1u < QUERIES) {
    for (var c = 0u; c < WIDTH; c++) { dq[row1 + c] = SCORE_SCALE * dq1[c]; }
  }
  if (query + 2u < QUERIES) {
    for (var c = 0u; c < WIDTH; c++) { dq[row2 + c] = SCORE_SCALE * dq2[c]; }
  }
  if (query + 3u < QUERIES) {
    for (var c = 0u; c < WIDTH; c++) { dq[row3 + c] = SCORE_SCALE * dq3[c]; }
  }
}
