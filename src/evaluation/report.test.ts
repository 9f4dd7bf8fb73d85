/** The report is one file that fetches nothing and shows what it was given as it was given. */
import { expect, it } from 'vitest';
import { reportHtml } from './report.ts';
import { verdict } from './verdict.ts';
import { winRate } from './winRate.ts';

const png = Uint8Array.from({ length: 20_000 }, (_, i) => i % 251);

const html = reportHtml({
  title: 'Run <1>',
  subtitle: 'by "me" & co',
  sections: [
    {
      title: 'All',
      blocks: [
        { kind: 'text', text: '<script>alert(1)</script>' },
        { kind: 'figures', figures: [{ name: 'Rate', value: '70 %', note: 'of 20' }] },
        { kind: 'table', head: ['a'], rows: [['<b>']] },
        { kind: 'images', columns: ['base'], rows: [{ title: 'a cat', images: [{ png, alt: 'a "cat"' }, null] }] },
        {
          kind: 'lines',
          title: 'Loss',
          xLabel: 'step',
          mark: { value: Math.LN2, label: 'ln 2' },
          series: [
            {
              label: 'loss',
              points: [
                { x: 0, y: Math.LN2 },
                { x: 1, y: Number.NaN },
                { x: 2, y: 0.5 },
              ],
            },
          ],
        },
        { kind: 'share', label: 'B', rate: 0.7, interval: [0.48, 0.86] },
        { kind: 'code', text: '{"a": 1}' },
      ],
    },
  ],
});

it('holds its images and escapes every text', () => {
  const encoded = /data:image\/png;base64,([^"]+)"/.exec(html)![1]!;
  expect(Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0))).toEqual(png);
  expect(html).not.toMatch(/<script|<b>|Run <1>/);
  expect(html).toContain('Run &#60;1&#62;');
});

it('refers to nothing outside itself', () => {
  expect(html).not.toMatch(/(?:src|href)="(?!data:)/);
  expect(html).not.toMatch(/url\(|@import|https?:/);
});

it('breaks a line where there is no number', () => {
  const path = /<path d="([^"]+)"/.exec(html)![1]!;
  expect(path).not.toContain('NaN');
  // Two points with a gap between them are no line.
  expect(path.match(/M/g)).toHaveLength(2);
  expect(path).not.toContain('L');
});

const chart = (ys: number[], mark?: { value: number; label: string }): string =>
  reportHtml({
    title: 't',
    subtitle: 's',
    sections: [
      {
        title: 's',
        blocks: [
          {
            kind: 'lines',
            title: 'Loss',
            xLabel: 'step',
            ...(mark && { mark }),
            series: [{ label: 'loss', points: ys.map((y, x) => ({ x, y })) }],
          },
        ],
      },
    ],
  });
const numbersOf = (html: string, anchor: string): string[] =>
  [...html.matchAll(new RegExp(`text-anchor="${anchor}">([^<]+)<`, 'g'))].map((found) => found[1]!);

it('has round numbers on its axes, and the mark inside', () => {
  const html = chart([0.613, 0.655, 0.644, 0.671], { value: Math.LN2, label: 'ln 2' });
  expect(numbersOf(html, 'end')).toEqual(['0.6', '0.62', '0.64', '0.66', '0.68', '0.7', 'ln 2']);
  expect(numbersOf(html, 'middle')).toEqual(['0', '1', '2', '3']);
  for (const [, at] of html.matchAll(/ y1="([\d.]+)"/g)) expect(Number(at)).toBeLessThanOrEqual(196);
});

it('draws one point, equal points and none', () => {
  expect(chart([0.5])).toMatch(/ d="M[^"L]+Z" [^>]*stroke-width="6"/);
  expect(numbersOf(chart([0.5]), 'middle')).toEqual(['0']);
  for (const ys of [[0.5], [0.5, 0.5, 0.5], [0, 0]]) expect(chart(ys)).not.toContain('NaN');
  expect(chart([])).not.toContain('<svg');
  expect(chart([Number.NaN])).not.toContain('<svg');
});

it('says no more than the interval allows', () => {
  const rows: [number, number, number, 'better' | 'worse' | 'open'][] = [
    [14, 6, 0, 'open'],
    [17, 3, 0, 'better'],
    [3, 17, 2, 'worse'],
    [0, 0, 5, 'open'],
    [0, 0, 0, 'open'],
  ];
  for (const [wins, losses, ties, side] of rows)
    expect(verdict(winRate({ wins, losses, ties }), 'B').side, `${wins}:${losses}`).toBe(side);
  expect(verdict(winRate({ wins: 14, losses: 6, ties: 1 }), 'Tuned').counted).toBe(
    'Tuned won 14 of 20, with one tie set aside: 70 %.',
  );
  expect([1, 2].map((ties) => verdict(winRate({ wins: 0, losses: 0, ties }), 'B').counted)).toEqual([
    'The one comparison was a tie.',
    'All 2 comparisons were ties.',
  ]);
});

it('takes every colour from the page, light or dark', () => {
  const body = html.slice(html.indexOf('<body>'));
  expect(body).not.toMatch(/#[\da-f]{6}/i);
  const [light, dark] = [...html.matchAll(/--a:(#\w+);--b:(#\w+);--c:(#\w+);--d:(#\w+)/g)];
  expect(light?.slice(1)).toHaveLength(4);
  expect(dark?.slice(1)).toHaveLength(4);
  expect(dark?.slice(1)).not.toEqual(light?.slice(1));
});

it('prints dark ink on white paper, whatever the screen', () => {
  expect(html.match(/@media[^{]*prefers-color-scheme:dark[^{]*/g)).toEqual([
    '@media screen and (prefers-color-scheme:dark)',
  ]);
});
