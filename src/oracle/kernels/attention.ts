/** Float64 scaled dot-product attention and its gradients, by FlashAttention's identities (arXiv 2307.08691, section 3.1):
 *  p = exp(s - lse), ds = p (do · v - delta), delta = do · o. Axes: N batch, T queries, S keys, D width, head size E = D / heads. */
import { type CpuKernel, type Tensor } from '../tensor.ts';

interface Head {
  /** Offsets of this head's channels at token 0 of q and of k; tokens are D apart. */
  q: number;
  k: number;
  /** Row of query 0 in [N, heads, T] tensors. */
  row: number;
}

interface Sizes {
  T: number;
  S: number;
  D: number;
  E: number;
  scale: number;
}

function sizes(heads: number, q: Tensor, k: Tensor): Sizes {
  const [, T, D] = q.shape as [number, number, number];
  return { T, S: k.shape[1]!, D, E: D / heads, scale: (D / heads) ** -0.5 };
}

function forEachHead(heads: number, batch: number, { T, S, D, E }: Sizes, visit: (head: Head) => void): void {
  for (let n = 0; n < batch; n++)
    for (let h = 0; h < heads; h++) visit({ q: n * T * D + h * E, k: n * S * D + h * E, row: (n * heads + h) * T });
}

function dot(a: Float64Array, i: number, b: Float64Array, j: number, length: number): number {
  let sum = 0;
  for (let e = 0; e < length; e++) sum += a[i + e]! * b[j + e]!;
  return sum;
}

/** out[i, i + length) += factor * x[j, j + length). */
function axpy(out: Float64Array, i: number, factor: number, x: Float64Array, j: number, length: number): void {
  for (let e = 0; e < length; e++) out[i + e]! += factor * x[j + e]!;
}

/** q [N, T, D], k [N, S, D], v [N, S, D] → o [N, T, D], lse [N, heads, T]. */
export const attention: CpuKernel<'attention'> = ({ heads, causal }, [q, k, v], [o, lse]) => {
  const size = sizes(heads, q!, k!);
  const { T, S, D, E, scale } = size;
  const scores = new Float64Array(S);
  o!.data.fill(0);
  forEachHead(heads, q!.shape[0]!, size, (head) => {
    for (let t = 0; t < T; t++) {
      const seen = causal ? t + 1 : S;
      let max = -Infinity;
      for (let s = 0; s < seen; s++) {
        scores[s] = scale * dot(q!.data, head.q + t * D, k!.data, head.k + s * D, E);
        max = Math.max(max, scores[s]!);
      }
      let sum = 0;
      for (let s = 0; s < seen; s++) sum += Math.exp(scores[s]! - max);
      const logSum = max + Math.log(sum);
      lse!.data[head.row + t] = logSum;
      for (let s = 0; s < seen; s++)
        axpy(o!.data, head.q + t * D, Math.exp(scores[s]! - logSum), v!.data, head.k + s * D, E);
    }
  });
};

/** do, o → [N, heads, T]. */
export const attentionDelta: CpuKernel<'attentionDelta'> = ({ heads }, [dO, o], [delta]) => {
  const size = sizes(heads, o!, o!);
  forEachHead(heads, o!.shape[0]!, size, (head) => {
    for (let t = 0; t < size.T; t++)
      delta!.data[head.row + t] = dot(dO!.data, head.q + t * size.D, o!.data, head.q + t * size.D, size.E);
  });
};

/** Visits every seen (query, key) pair: `query` and `key` are offsets of their head's channels, p the probability, ds the score's gradient. */
function forEachScore(
  heads: number,
  causal: boolean,
  [dO, q, k, v, lse, delta]: readonly Tensor[],
  visit: (query: number, key: number, p: number, ds: number) => void,
): void {
  const size = sizes(heads, q!, k!);
  const { T, S, D, E, scale } = size;
  forEachHead(heads, q!.shape[0]!, size, (head) => {
    for (let t = 0; t < T; t++)
      for (let s = 0; s < (causal ? t + 1 : S); s++) {
        const [query, key] = [head.q + t * D, head.k + s * D];
        const p = Math.exp(scale * dot(q!.data, query, k!.data, key, E) - lse!.data[head.row + t]!);
        visit(query, key, p, p * (dot(dO!.data, query, v!.data, key, E) - delta!.data[head.row + t]!));
      }
  });
}

/** do, q, k, v, lse, o → dq, delta. */
export const attentionGradQuery: CpuKernel<'attentionGradQuery'> = ({ heads, causal }, inputs, [dq, delta]) => {
  const [dO, q, k, v, lse, o] = inputs;
  const { E, scale } = sizes(heads, q!, k!);
  attentionDelta({ heads }, [dO!, o!], [delta!]);
  dq!.data.fill(0);
  forEachScore(heads, causal, [dO!, q!, k!, v!, lse!, delta!], (query, key, _, ds) =>
    axpy(dq!.data, query, scale * ds, k!.data, key, E),
  );
};

/** do, q, k, v, lse, delta → dk, dv. */
export const attentionGradKeyValue: CpuKernel<'attentionGradKeyValue'> = ({ heads, causal }, inputs, [dk, dv]) => {
  const [dO, q, k] = inputs;
  const { E, scale } = sizes(heads, q!, k!);
  dk!.data.fill(0);
  dv!.data.fill(0);
  forEachScore(heads, causal, inputs, (query, key, p, ds) => {
    axpy(dk!.data, key, scale * ds, q!.data, query, E);
    axpy(dv!.data, key, p, dO!.data, query, E);
  });
};
