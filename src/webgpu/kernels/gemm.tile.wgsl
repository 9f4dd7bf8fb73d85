// Matrix product C[m, n] = SCALE * (sum over k of A[m, k] * B[n, k] + bias) + residual, all three matrices by strides.
//
// The same contract as gemm.workgroup.wgsl, for GPUs and matrices that can be read in fours: one axis of A and one of B is contiguous, and every
// other stride is a multiple of four. The products themselves are in shared/tile.wgsl.

// What is read at once of a and b: vec2u where two elements lie in a word.
alias AWords = vec4u;
alias BWords = vec4u;

const ROWS = 20u;
const COLUMNS = 20u;
const DEPTH_OUTER = 1u;
const DEPTH_INNER = 8u;
const A_ROW = 8u;
const A_DEPTH = 1u;
const A_DEPTH_OUTER = 0u;
const B_COLUMN = 8u;
const B_COLUMN_OUTER = 0u;
const B_DEPTH = 1u;
const B_DEPTH_OUTER = 0u;
const C_ROW = 20u;
const C_COLUMN = 1u;
const C_COLUMN_OUTER = 0u;
const COLUMNS_INNER = 20u;
const SCALE = 1.0f;
const BIAS = false;
const BIAS_BY_ROW = false;
const RESIDUAL = false;
// Whether c is added to, as it was before.
const IN_PLACE = false;
const THREADS_X = 8u;
const THREADS_Y = 8u;
const ROW_PARTS = 2u;
const COLUMN_PARTS = 2u;
const SPLIT_DEPTH = 16u;
const C_SPLIT = 0u;
// Where in what is bound a and b begin.
const A_FIRST = 0u;
const B_FIRST = 0u;
// How the elements of a and b are kept. 0: f32; 1: f16, two to a word; 2: bf16, two to a word.
const A_FORMAT = 0u;
const B_FORMAT = 0u;

const DEPTH = DEPTH_OUTER * DEPTH_INNER;
// Which axis of a and of b is the contiguous one: that of the depth, or that of the rows or columns.
const A_ALONG_DEPTH = true;
const B_ALONG_DEPTH = true;

@group(0) @binding(0) var<storage, read> a: array<AWords>;
@group(0) @binding(1) var<storage, read> b: array<BWords>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<f32>;
//sums @group(0) @binding(5) var<storage, read_write> row_sums: array<f32>;

fn begin(column: u32) {}
