/** A low-rank adapter (LoRA, arXiv 2106.09685): what files hold and training makes. */

/** One module's adapter, in the base weight's layout: W' = W + (alpha / rank) up down. down [rank, in, (kh, kw)], up [out, rank, (1, 1)]. */
export interface LoraModule {
  down: Float32Array;
  up: Float32Array;
  rank: number;
  alpha: number;
}
