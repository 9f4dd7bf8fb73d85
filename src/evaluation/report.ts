/** A report as one HTML file: its images are inside, nothing is fetched, no script runs. The caller says what is in it; this is only the form. */

export type ReportBlock =
  | { kind: 'text'; text: string }
  /** A few numbers that matter, large. */
  | { kind: 'figures'; figures: { name: string; value: string; note?: string }[] }
  | { kind: 'table'; head: string[]; rows: string[][] }
  /** Pictures in rows under column names. */
  | { kind: 'images'; columns: string[]; rows: { title: string; images: (ReportImage | null)[] }[] }
  | {
      kind: 'lines';
      title: string;
      xLabel: string;
      mark?: { value: number; label: string };
      series: { label: string; points: { x: number; y: number }[] }[];
    }
  /** A share with its interval, on a scale from 0 to 1 with the middle marked. */
  | { kind: 'share'; label: string; rate: number; interval: [low: number, high: number] }
  /** Verbatim: a config, a command. */
  | { kind: 'code'; text: string };

export interface ReportImage {
  png: Uint8Array;
  alt: string;
  caption?: string;
}

export interface Report {
  title: string;
  /** What, when, by which version: one line. */
  subtitle: string;
  sections: { title: string; blocks: ReportBlock[] }[];
}

export function reportHtml({ title, subtitle, sections }: Report): string {
  const body = sections
    .map(
      (section) =>
        `<section>\n<h2>${escape(section.title)}</h2>\n${section.blocks.map(printBlock).join('\n')}\n</section>`,
    )
    .join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escape(title)}</h1>
<p class="dim">${escape(subtitle)}</p>
${body}
</main>
</body>
</html>
`;
}

function printBlock(block: ReportBlock): string {
  switch (block.kind) {
    case 'text':
      return `<p>${escape(block.text)}</p>`;
    case 'figures':
      return `<dl class="figures">${block.figures.map(({ name, value, note }) => `<div><dt>${escape(name)}</dt><dd>${escape(value)}</dd>${note ? `<dd class="dim note">${escape(note)}</dd>` : ''}</div>`).join('')}</dl>`;
    case 'table':
      return `<div class="scroll"><table><thead><tr>${block.head.map((cell) => `<th scope="col">${escape(cell)}</th>`).join('')}</tr></thead><tbody>${block.rows.map((row) => `<tr>${row.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`).join('')}</tbody></table></div>`;
    case 'images':
      return `<div class="scroll"><table class="images"><thead><tr><td></td>${block.columns.map((column) => `<th scope="col">${escape(column)}</th>`).join('')}</tr></thead><tbody>${block.rows.map((row) => `<tr><th scope="row">${escape(row.title)}</th>${row.images.map((image) => `<td>${image ? printImage(image) : ''}</td>`).join('')}</tr>`).join('')}</tbody></table></div>`;
    case 'lines':
      return printLines(block);
    case 'share':
      return printShare(block);
    case 'code':
      return `<pre>${escape(block.text)}</pre>`;
    default:
      return block satisfies never;
  }
}

const printImage = ({ png, alt, caption }: ReportImage): string =>
  `<figure><img src="data:image/png;base64,${base64(png)}" alt="${escape(alt)}">${caption ? `<figcaption>${escape(caption)}</figcaption>` : ''}</figure>`;

const colors = ['#126d80', '#b14a12', '#6b4fa3', '#4d7a1f'];

function printLines({ title, xLabel, mark, series }: Extract<ReportBlock, { kind: 'lines' }>): string {
  const points = series.flatMap((one) => one.points).filter(({ y }) => Number.isFinite(y));
  if (!points.length) return '';
  const [width, height, left, bottom] = [640, 220, 56, 24];
  const xs = points.map(({ x }) => x);
  const ys = [...points.map(({ y }) => y), ...(mark ? [mark.value] : [])];
  const [xMin, xMax, yLow, yHigh] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const margin = (yHigh - yLow || Math.abs(yHigh) || 1) * 0.06;
  const [yMin, yMax] = [yLow - margin, yHigh + margin];
  const px = (x: number): number => left + ((x - xMin) / (xMax - xMin || 1)) * (width - left - 8);
  const py = (y: number): number => 8 + (1 - (y - yMin) / (yMax - yMin)) * (height - bottom - 8);
  const lines = series.map(({ points: line }, index) => {
    const path = line
      .filter(({ y }) => Number.isFinite(y))
      .map(({ x, y }, at) => `${at ? 'L' : 'M'}${px(x).toFixed(1)} ${py(y).toFixed(1)}`)
      .join('');
    return `<path d="${path}" fill="none" stroke="${colors[index % colors.length]}" stroke-width="1.800"/>`;
  });
  const ticks = [yLow, (yLow + yHigh) / 2, yHigh].map(
    (y) =>
      `<text x="${left - 6}" y="${(py(y) + 4).toFixed(1)}" text-anchor="end">${printNumber(y)}</text><line x1="${left}" x2="${width - 8}" y1="${py(y).toFixed(1)}" y2="${py(y).toFixed(1)}" class="grid"/>`,
  );
  const reference = mark
    ? `<line x1="${left}" x2="${width - 8}" y1="${py(mark.value).toFixed(1)}" y2="${py(mark.value).toFixed(1)}" class="mark"/><text x="${width - 10}" y="${(py(mark.value) - 5).toFixed(1)}" text-anchor="end">${escape(mark.label)}</text>`
    : '';
  const legend =
    series.length > 1
      ? `<p class="legend">${series.map(({ label }, index) => `<span><i style="background:${colors[index % colors.length]}"></i>${escape(label)}</span>`).join('')}</p>`
      : '';
  const last = series
    .map(({ label, points: line }) => `${label} ${line.length ? printNumber(line.at(-1)!.y) : '-'}`)
    .join(', ');
  return `<figure class="chart"><figcaption><strong>${escape(title)}</strong></figcaption>${legend}<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(`${title}; at the end: ${last}`)}">${ticks.join('')}${reference}${lines.join('')}<text x="${left}" y="${height - 6}">${printNumber(xMin)}</text><text x="${width - 8}" y="${height - 6}" text-anchor="end">${escape(xLabel)} ${printNumber(xMax)}</text></svg></figure>`;
}

function printShare({ label, rate, interval: [low, high] }: Extract<ReportBlock, { kind: 'share' }>): string {
  const at = (share: number): string => (20 + share * 600).toFixed(1);
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  const words = Number.isNaN(rate)
    ? 'nothing decided'
    : `${percent(rate)}, 95 % interval ${percent(low)} to ${percent(high)}`;
  const dot = Number.isNaN(rate) ? '' : `<circle cx="${at(rate)}" cy="26" r="7" fill="#126d80"/>`;
  return `<figure class="chart"><figcaption><strong>${escape(label)}</strong> ${words}</figcaption><svg viewBox="0 0 640 60" role="img" aria-label="${escape(`${label}: ${words}`)}"><line x1="20" x2="620" y1="26" y2="26" class="grid"/><line x1="${at(0.5)}" x2="${at(0.5)}" y1="10" y2="42" class="mark"/><line x1="${at(low)}" x2="${at(high)}" y1="26" y2="26" stroke="#126d80" stroke-width="6" stroke-linecap="round" opacity="0.45"/>${dot}<text x="20" y="56">0 %</text><text x="${at(0.5)}" y="56" text-anchor="middle">50 %</text><text x="620" y="56" text-anchor="end">100 %</text></svg></figure>`;
}

const printNumber = (value: number): string =>
  value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5)
    ? value.toExponential(1)
    : String(Number(value.toPrecision(3)));

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** In parts: spreading a whole picture into arguments would overflow the stack. */
function base64(bytes: Uint8Array): string {
  let binary = '';
  for (let start = 0; start < bytes.length; start += 8192)
    binary += String.fromCharCode(...bytes.subarray(start, start + 8192));
  return btoa(binary);
}

const style = `
:root{color-scheme:light dark;--ink:#1d1d1b;--dim:#5a5a56;--line:#dededb;--page:#fbfbfa}
@media(prefers-color-scheme:dark){:root{--ink:#ededeb;--dim:#adada9;--line:#3a3a39;--page:#181818}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 -apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",Helvetica,Arial,sans-serif}
main{max-width:960px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 4px}h2{font-size:1.15rem;margin:36px 0 12px;padding-top:16px;border-top:1px solid var(--line)}
.dim,.note{color:var(--dim)}.note{font-size:.82rem!important;font-weight:400!important}
.figures{display:flex;flex-wrap:wrap;gap:12px 36px;margin:12px 0}.figures dt{color:var(--dim);font-size:.82rem}.figures dd{margin:0;font-size:1.25rem;font-weight:650}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.88rem}th,td{text-align:left;padding:6px 12px 6px 0;vertical-align:top}thead th{color:var(--dim);font-weight:600}tbody tr{border-top:1px solid var(--line)}
.images th[scope=row]{max-width:180px;font-weight:500;padding-right:14px}.images figure{margin:0}.images img{display:block;width:144px;height:auto;border-radius:6px;background:#808080}.images figcaption{font-size:.78rem;color:var(--dim)}
.chart{margin:16px 0;max-width:680px}.chart svg{display:block;width:100%;height:auto}.chart text{font-size:11px;fill:var(--dim)}.grid{stroke:var(--line)}.mark{stroke:var(--dim);stroke-dasharray:5 4}
.legend{display:flex;gap:18px;margin:4px 0;font-size:.85rem}.legend i{display:inline-block;width:12px;height:3px;margin-right:6px;vertical-align:middle}
pre{overflow-x:auto;padding:14px;border:1px solid var(--line);border-radius:8px;font:12px/1.5 ui-monospace,Consolas,"Liberation Mono",monospace}
`.replaceAll('\n', '');
