// delta = sum over a head's channels of do * o: what attention's softmax gradient subtracts (FlashAttention-2, arXiv 2307.08691, D).
// dout, o: [BATCH, QUERIES, HEADS, WIDTH]; delta: [BATCH, HEADS, QUERIES]; WIDTH counted in Lanes.
// One invocation an element of delta. 1-D grid folded over y.

alias Lanes = vec4f; // f32 where four does not divide the head size (lanes.ts)
/** Elements in one Lanes. */
const LANES: f32 = 4.0;
const WORKGROUP_SIZE: u32 = 64;
const BATCH: u32 = 1;
const HEADS: u32 = 1;
const QUERIES: u32 = 1;
const WIDTH: u32 = 1;

@group(0) @binding(0) var<storage, read> dout: array<Lanes>;
@group(0) @binding(1) var<storage, read> o: array<Lanes>;
@group(0) @binding(2) var<storage, read_write> delta: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * (groups.x * WORKGROUP_SIZE);
  if (i >= BATCH * HEADS * QUERIES) { return; }
  let batch_head = i / QUERIES;
  let batch = batch_head / HEADS;
  let row = ((batch * QUERIES + i - batch_head * QUERIES) * HEADS + batch_head - batch * HEADS) * WIDTH;
  var sum = Lanes(0.0);
  for (var c = 0u; c < WIDTH; c++) { sum += dout[row + c] * o[row + c]; }
  delta[i] = dot(vec4f(sum), vec4f(0.25 * LANES)); // for f32 the splat divided by four, summed: exact
}
