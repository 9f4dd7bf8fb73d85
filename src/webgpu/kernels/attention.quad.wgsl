// o = softmax(q kᵀ / sqrt(head size)) v for each head, and lse = log of the sum of exp of the scaled scores; scores are never stored
// (FlashAttention-2, arXiv 2307.08691, forward: online softmax). Scores are kept in base 2: SCALE = log2(e) / sqrt(head size).
// q, o: [BATCH, QUERIES, HEADS, WIDTH]; k, v: [BATCH, KEYS, HEADS, WIDTH]; lse: [BATCH, HEADS, QUERIES]; WIDTH counted in Lanes.
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
/** Times 1/4 where Lanes = f32: dot() below then counts each product four times. */
const SCALE: f32 = 0.5;

const ROW: u32 = HEADS * WIDTH;
const LOWEST: f32 = -3.0e38;

@group(0) @binding(0) var<storage, read> q: array<Lanes>;
@group(0) @binding(1) var<storage, read> k: array<Lanes>;
@group(0) @binding(2) var<storage, read> v: array<Lanes>;
@group(0) @binding(3) var<storage, read_write> o: array<Lanes>;
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;

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
  let row0 = (batch * QUERIES + min(query, QUERIES - 1u)) * ROW + column;
  let row1 = (batch * QUERIES + min(query + 1u, QUERIES - 1u)) * ROW + column;
  let row2 = (batch * QUERIES + min(query + 2u, QUERIES - 1u)) * ROW + column;
  let row3 = (batch * QUERIES + min(query + 3u, QUERIES - 1u)) * ROW + column;

  var q0: array<Lanes, WIDTH>;
  var q1: array<Lanes, WIDTH>;
  var q2: array<Lanes, WIDTH>;
  var q3: array<Lanes, WIDTH>;
  var o0: array<Lanes, WIDTH>;
  var o1: array<Lanes, WIDTH>;
  var o2: array<Lanes, WIDTH>;
  var o3: array<Lanes, WIDTH>;
  for (var c = 0u; c < WIDTH; c++) {
    q0[c] = SCALE * q[row0 + c];
    q1[c] = SCALE * q[row1 + c];
    q2[c] = SCALE * q[row2 + c];
    q3[c] = SCALE * q[row3 + c];
  }
  var top = vec4f(LOWEST); // running maximum of each query
  var sum = vec4f(0.0); // of exp2(score - top)
  let end = select(KEYS, min(KEYS, (workgroup.x + 1u) * 16u), CAUSAL);
  for (var first = 0u; first < end; first += 4u) {
    let key = (batch * KEYS + min(first + lane, KEYS - 1u)) * ROW + column;
    var s0 = vec4f(0.0);
    var s1 = vec4f(0.0);
    var s2 = vec4f(0.0);
    var s3 = vec4f(0.0);
    for (var c = 0u; c < WIDTH; c++) {
      let own_k = k[key + c];
      let k0 = quadBroadcast(own_k, 0u);
      let k1 = quadBroadcast(own_k, 1u);
      let k2 = quadBroadcast(own_k, 2u);
      let k3 = quadBroadcast(own_k, 3u);
      let a0 = q0[c];
      let a1 = q1[c];
      let a2 = q2[c];
      let a3 = q3[c];
      s0 += vec4f(inner(a0, k0), inner(a0, k1), inner(a0, k2), inner(a0, k3));
      s1 += vec4f(inner(a1, k0), inner(a1, k1), inner(a1, k2), inner(a1, k3));
      s2 += vec4f(inner(a2, k0), inner(a2, k1), inner(a2, k2), inner(a2, k3));
      s3 += vec4f(inner(a3, k0), inner(a3, k1), inner(a3, k2), inner(a3, k3));
    }
    s0 = visible(s0, first, query);
    s1 = visible(s1, first, query + 1u);
    s2 = visible(s2, first, query + 2u);
    s3 = visible(s3, first, query + 3u);
    let raised = max(top, vec4f(largest(s0), largest(s1), largest(s2), largest(s3)));
    let fade = exp2(top - raised);
    top = raised;
    let p0 = exp2(s0 - top.x);
    let p1 = exp2(s1 - top.y);
    let p2 = exp2(s2 - top.z);
    let p3 = exp2(s3 - top.w);
    sum = sum * fade + vec4f(dot(p0, vec4f(1.0)), dot(p1, vec4f(1.0)), dot(p2, vec4f(1.0)), dot(p3, vec4f(1.0)));
    for (var c = 0u; c < WIDTH; c++) {
      let own_v = v[key + c];
      let v0 = quadBroadcast(own_v, 0u);
      let v1 = quadBroadcast(own_v, 1u);
      let v2 = quadBroadcast(own_v, 2u);
      let v3 = quadBroadcast(own_v, 3u);
      o0[c] = o0[c] * fade.x + p0.x * v0 + p0.y * v1 + p0.z * v2 + p0.w * v3;
      o1[c] = o1[c] * fade.y + p1.x * v0 + p1.y * v1 + p1.z * v2 + p1.w * v3;
      o2[c] = o2[c] * fade.z + p2.x * v0 + p2.y * v1 + p2.z * v2 + p2.w * v3;
      o3[c] = o3[c] * fade.w + p3.x * v0 + p3.y * v1 + p3.z * v2 + p3.w * v3;
    }
  }
  let norm = 1.0 / sum;
  let log_sum = (top + log2(sum)) * 0.6931471805599453;
  let stats = batch_head * QUERIES + query;
  if (query < QUERIES) {
    for (var c = 0u; c < WIDTH; c++) { o[row0 + c] = o0[c] * norm.x; }
    lse[stats] = log_sum.x;
  }
  if (query + 1u < QUERIES) {
    for (var c = 0u; c < WIDTH; c++) { o[row1 + c] = o1[c] * norm.y; }
    lse[stats + 1u] = log_sum.y;
  }
  if (query + 2u < QUERIES) {
    for (var c = 0u; c < WIDTH; c++) { o[row2 + c] = o2[c] * norm.z; }
    lse[stats + 2u] = log_sum.z;
  }
  if (query + 3u < QUERIES) {
    for (var c = 0u; c < WIDTH; c++) { o[row3 + c] = o3[c] * norm.w; }
    lse[stats + 3u] = log_sum.w;
  }
}
