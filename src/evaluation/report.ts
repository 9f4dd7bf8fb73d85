/** A report as one HTML file: its images are inside, nothing is fetched, no script runs. The caller says what is in it; this is only the form. */
import { pictureTypeOf } from '../data/formats/pictureInfo.ts';
import { escape } from './html.ts';
import { printLines, printShare } from './reportCharts.ts';

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
  /** PNG, JPEG or WebP. */
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
  `<figure><img src="data:image/${pictureTypeOf(png) ?? 'png'};base64,${base64(png)}" alt="${escape(alt)}">${caption ? `<figcaption>${escape(caption)}</figcaption>` : ''}</figure>`;

/** In parts: spreading a whole picture into arguments would overflow the stack. */
function base64(bytes: Uint8Array): string {
  let binary = '';
  for (let start = 0; start < bytes.length; start += 8192)
    binary += String.fromCharCode(...bytes.subarray(start, start + 8192));
  return btoa(binary);
}

const style = `
:root{color-scheme:light dark;--ink:#1d1d1b;--dim:#5a5a56;--line:#dededb;--page:#fbfbfa;--a:#126d80;--b:#b14a12;--c:#6b4fa3;--d:#4d7a1f}
@media screen and (prefers-color-scheme:dark){:root{--ink:#ededeb;--dim:#adada9;--line:#3a3a39;--page:#181818;--a:#5cc3d8;--b:#f0945c;--c:#b39ae6;--d:#9cc768}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 -apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",Helvetica,Arial,sans-serif}
main{max-width:960px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 4px}h2{font-size:1.15rem;margin:36px 0 12px;padding-top:16px;border-top:1px solid var(--line)}
.dim,.note{color:var(--dim)}.note{font-size:.82rem!important;font-weight:400!important}
.figures{display:flex;flex-wrap:wrap;gap:12px 36px;margin:12px 0}.figures dt{color:var(--dim);font-size:.82rem}.figures dd{margin:0;font-size:1.25rem;font-weight:650}
.scroll{overflow-x:auto;margin:0 0 16px}table{border-collapse:collapse;font-size:.88rem}th,td{text-align:left;padding:6px 12px 6px 0;vertical-align:top}thead th{color:var(--dim);font-weight:600}tbody tr{border-top:1px solid var(--line)}table:not(.images) td+td{white-space:nowrap;font-variant-numeric:tabular-nums}
.images th[scope=row]{max-width:180px;font-weight:500;padding-right:14px}.images figure{margin:0}.images img{display:block;width:144px;height:auto;border-radius:6px;background:#808080}.images figcaption{font-size:.78rem;color:var(--dim)}@media(max-width:560px){.images img{width:112px}}
.chart{margin:16px 0;max-width:680px}.chart svg{display:block;width:100%;height:auto;overflow:visible}.chart text{font-size:11px;fill:var(--dim)}@media(max-width:560px){.chart text{font-size:17px}}.grid{stroke:var(--line)}.mark{stroke:var(--dim);stroke-dasharray:5 4}
.legend{display:flex;gap:18px;margin:4px 0;font-size:.85rem}.legend i{display:inline-block;width:12px;height:3px;margin-right:6px;vertical-align:middle}
pre{overflow-x:auto;padding:14px;border:1px solid var(--line);border-radius:8px;font:12px/1.5 ui-monospace,Consolas,"Liberation Mono",monospace}
@media print{:root{color-scheme:light}body{print-color-adjust:exact;-webkit-print-color-adjust:exact}main{max-width:none;padding:0}.scroll,pre{overflow:visible}pre{white-space:pre-wrap}table{font-size:.72rem}h2{break-after:avoid}tr,figure,dl>div{break-inside:avoid}.images{width:100%}.images img{width:100%;max-width:144px}}
`.replaceAll('\n', '');
