/** Diffusion-SDPO, https://arxiv.org/abs/2511.03317: the loss is unchanged, but the loser's gradient is held back where it would raise the
 *  winner's error. AIDC-AI/Diffusion-SDPO train.py. */

/** Factor on dL/dm_l: clip((1 - mu) |g_w|^2 / <g_w, g_l>, 0, 1) where <g_w, g_l> > 0, else 1. g: gradients of m_w and m_l at the network's
 *  output over the micro-batch, proportional to pred - target. */
export function safeguardFactor({
  winnerSquared,
  product,
  mu,
}: {
  winnerSquared: number;
  product: number;
  mu: number;
}): number {
  if (product <= 0) return 1;
  return Math.min(Math.max(((1 - mu) * winnerSquared) / product, 0), 1);
}
