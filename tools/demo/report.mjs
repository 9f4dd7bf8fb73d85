/** The demo's report: one HTML file with its figures, its loss curve and pictures before and after. */
const escape = (text) => String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
const percent = (share) => `${(100 * share).toFixed(1)} %`;

function curve(metrics, of, mark) {
  const values = metrics.map(of);
  const low = Math.min(...values, mark);
  const high = Math.max(...values, mark);
  const x = (i) => (600 * i) / Math.max(1, values.length - 1);
  const y = (value) => 150 - (140 * (value - low)) / (high - low || 1);
  const points = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  return `<svg viewBox="0 0 600 160" width="600"><line x1="0" x2="600" y1="${y(mark)}" y2="${y(mark)}" stroke="#999" stroke-dasharray="4"/><polyline points="${points}" fill="none" stroke="#2563a8"/></svg>`;
}

export function demoReport({ shown, metrics, config, figures, options }) {
  const cards = shown
    .map(
      (c) =>
        `<figure><div><img src="${c.base}" alt="before"><img src="${c.tuned}" alt="after"></div><figcaption>${escape(c.prompt)} <small>seed ${c.seed}; judge ${c.baseAppeal.toFixed(2)} → ${c.tunedAppeal.toFixed(2)}</small></figcaption></figure>`,
    )
    .join('\n');
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Winnow demo report</title>
<style>body{font:15px/1.5 system-ui;margin:2rem auto;max-width:1100px;padding:0 1rem}img{width:192px;image-rendering:auto;background:#888}figure{margin:0}.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(390px,1fr));gap:1rem}figcaption{font-size:13px}small{color:#555}pre{background:#f3f3f3;padding:1rem;overflow:auto}</style>
<h1>Before and after</h1>
<p>${figures.pairs} pairs labelled by scorer A, ${figures.steps} steps of Diffusion-DPO in the browser. Scorer B, which labelled nothing, preferred the tuned model in <b>${percent(figures.winRate)}</b> of ${figures.n} same-seed comparisons (95 % interval ${percent(figures.interval[0])} to ${percent(figures.interval[1])}; ${figures.ties} ties) on ${options.prompts} prompts that were not trained on.</p>
<p>Left: base. Right: tuned, same prompt and seed. The first comparisons in order, not chosen.</p>
<div class="grid">${cards}</div>
<h2>Loss (dashed: ln 2)</h2>${curve(metrics, (m) => m.loss, Math.LN2)}
<h2>Implicit accuracy (dashed: one half)</h2>${curve(metrics, (m) => m.implicitAccuracy, 0.5)}
<h2>Figures</h2><pre>${escape(JSON.stringify(figures, null, 2))}</pre>
<h2>Settings</h2><pre>${escape(JSON.stringify(config, null, 2))}</pre></html>
`;
}
