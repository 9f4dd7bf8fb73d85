/** The report of `winnow evaluate`: one HTML file beside the images it shows. */
import type { Tally } from '../evaluation/winRate.ts';

export interface Spread {
  mean: number;
  /** Standard deviation over the images, or over the pairs for a gain. */
  deviation: number;
}

/** Model b against model a (indices), by the scorer's appeal. */
export interface Comparison extends Tally {
  a: number;
  b: number;
  /** Share of b among the decided; null if none was. */
  winRate: number | null;
  /** Wilson, 95 %. */
  interval: [low: number, high: number];
  /** Decided comparisons. */
  n: number;
  pValue: number;
  appealGain: Spread;
  alignmentGain: Spread;
  alignmentWinRate: number | null;
}

export interface Evaluation {
  models: { name: string; appeal: Spread; alignment: Spread }[];
  comparisons: Comparison[];
  scorer: string;
  prompts: number;
  /** Prompts with a seed: images of each model. */
  count: number;
  sampler: string;
}

/** One prompt and seed through all models; paths relative to the report. */
export interface ShownItem {
  prompt: string;
  seed: number;
  images: string[];
  appeals: number[];
}

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
const percent = (share: number | null): string => (share === null ? 'none decided' : `${(100 * share).toFixed(1)} %`);
const number = (value: number): string => value.toFixed(3);
const row = (cells: readonly string[], tag = 'td'): string => `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;

export function evaluationReport(evaluation: Evaluation, items: readonly ShownItem[]): string {
  const { models, comparisons, scorer, count } = evaluation;
  const duels = comparisons.map(({ a, b, winRate, interval, wins, losses, ties, pValue, appealGain, alignmentGain, alignmentWinRate }) =>
    row([
      `${escape(models[b]!.name)} over ${escape(models[a]!.name)}`,
      `<b>${percent(winRate)}</b>`,
      `${percent(interval[0])} to ${percent(interval[1])}`,
      `${wins} / ${losses} / ${ties}`,
      pValue.toPrecision(2),
      `${number(appealGain.mean)} ± ${number(appealGain.deviation)}`,
      `${number(alignmentGain.mean)} ± ${number(alignmentGain.deviation)}`,
      percent(alignmentWinRate),
    ]),
  );
  const means = models.map(({ name, appeal, alignment }) => row([escape(name), `${number(appeal.mean)} ± ${number(appeal.deviation)}`, `${number(alignment.mean)} ± ${number(alignment.deviation)}`]));
  const cards = items.map(
    ({ prompt, seed, images, appeals }) =>
      `<figure><div>${images.map((file, i) => `<img src="${escape(file)}" alt="${escape(models[i]!.name)}" title="${escape(models[i]!.name)}: ${number(appeals[i]!)}" loading="lazy">`).join('')}</div><figcaption>${escape(prompt)} <small>seed ${seed}; appeal ${appeals.map(number).join(' → ')}</small></figcaption></figure>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Winnow evaluation</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1100px; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #ddd; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(${Math.min(1000, 200 * models.length)}px, 1fr)); gap: 1rem; }
figure { margin: 0; } img { width: 192px; margin-right: 4px; background: #888; } figcaption { font-size: 13px; } small { color: #555; }
</style></head><body>
<h1>Evaluation</h1>
<p>${count} prompts with a seed through each model, same noise for all, sampled on ${escape(evaluation.sampler)}; judged by scorer ${escape(scorer)}. A model wins where its image appeals more; ties are left out of the win rate. Intervals are Wilson's, 95 %; gains and means with their standard deviation.</p>
<table>${row(['', 'win rate', 'interval', 'wins / losses / ties', 'sign test p', 'appeal gain', 'alignment gain', 'wins by alignment'], 'th')}${duels.join('')}</table>
<h2>Means</h2>
<table>${row(['model', 'appeal', 'alignment'], 'th')}${means.join('')}</table>
<h2>Images</h2>
<p>${models.map(({ name }) => escape(name)).join(', then ')}; all of them, in order.</p>
<div class="grid">
${cards.join('\n')}
</div>
</body></html>
`;
}
