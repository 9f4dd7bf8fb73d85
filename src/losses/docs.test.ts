/** docs/losses.md, written from the records: `npx vitest run src/losses/docs.test.ts -u` after a change. */
import { expect, it } from 'vitest';
import type { LossField } from './loss.ts';
import { lossFields, lossNames, losses, settingsOf } from './table.ts';

const bounds = ({ min, above, max, below }: LossField): string =>
  [
    min === undefined ? (above === undefined ? '' : `above ${above}`) : `from ${min}`,
    max === undefined ? (below === undefined ? '' : `below ${below}`) : `to ${max}`,
  ]
    .filter(Boolean)
    .join(', ');

const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

it('docs/losses.md says of every loss and every setting what its record says', async () => {
  const text = `# Losses

Written from the records of \`src/losses/\` (by its \`docs.test.ts\`). A pair's errors m and r are means over C, H, W; u = -(beta / 2) (m - r), s = u_w - u_l. Any setting goes to the command line as \`--set NAME=VALUE\`; one that the chosen loss does not read is refused there and not shown in the studio.

${[
  row('loss', 'what it does', 'of one pair', 'reads', 'source'),
  row('---', '---', '---', '---', '---'),
  ...lossNames.map((name) => {
    const { title, formula, source, readsLogit } = losses[name];
    const settings = [...(readsLogit ? ['beta'] : []), ...settingsOf(name)].map((setting) => `\`${setting}\``);
    return row(`\`${name}\``, title, `\`${formula}\``, settings.join(', '), source);
  }),
].join('\n')}

${[
  row('setting', 'what it is', 'left out', 'bounds', 'in case.json'),
  row('---', '---', '---', '---', '---'),
  ...Object.entries(lossFields).map(([name, field]) =>
    row(
      `\`${name}\``,
      `${field.title}${field.hint ? `: ${field.hint}` : ''}`,
      field.default === null ? 'off' : String(field.default),
      bounds(field),
      field.golden ? `\`${field.golden}\`` : '',
    ),
  ),
].join('\n')}
`;
  await expect(text).toMatchFileSnapshot('../../docs/losses.md');
});
