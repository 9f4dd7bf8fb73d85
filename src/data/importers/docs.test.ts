/** docs/formats.md, written from the records: `npx vitest run src/data/importers/docs.test.ts -u` after a change. */
import { expect, it } from 'vitest';
import { exportKinds, modelExports } from '../../service/export/kinds.ts';
import { pairsExporters } from '../exporters/pairs/table.ts';
import type { PairsExporter } from '../exporters/pairs/exporter.ts';
import { exporters } from '../exporters/table.ts';
import { formats } from '../preferences/table.ts';
import { importers } from './table.ts';

const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const code = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join(', ');

it('docs/formats.md says of every importer and exporter what its record says', async () => {
  const text = `# Formats

Written from the records of \`src/data/importers/\`, \`src/data/preferences/\`, \`src/data/exporters/\` and \`src/service/export/\` (by \`src/data/importers/docs.test.ts\`). Folders of models and LoRAs are read beside these.

## What a person brings

${[
  row('format', 'endings', 'what'),
  row('---', '---', '---'),
  ...Object.values(importers).map(({ title, extensions, what }) => row(title, code(extensions), what)),
].join('\n')}

## Preference data that a person brings

\`winnow import SOURCE... --out PAIRS\`, a file, a folder or an address; the format is guessed from the content, or said by \`--as\`. A column is found under the names below, or said by \`--map FIELD=COLUMN\`; other columns are kept, and go out again.

${[
  row('`--as`', 'what', 'fields, and the names they are looked for under'),
  row('---', '---', '---'),
  ...Object.values(formats).map(({ name, what, fields }) =>
    row(
      code([name]),
      what,
      fields
        .filter(({ needed, is }) => needed || is === 'label')
        .map(({ ours, theirs }) => code([...new Set([ours, ...theirs])]))
        .join('; '),
    ),
  ),
].join('\n')}

Tables are parquet (any compression that pyarrow writes), CSV (any separator, quotes, byte order mark, UTF-8 or UTF-16), JSON and JSONL. Pictures are JPEG, PNG or WebP: as bytes, as the \`Image\` structs of \`datasets\`, as base64, or as paths below the file's folder. They are kept as they came. Rankings of k pictures give at most k pairs: each against its neighbour in rank, and the last against the first. Labels are signed \`import:RATER\` where the data name one, else \`import\`.

## What a person takes away

${[
  row('format', 'ending', 'what'),
  row('---', '---', '---'),
  ...Object.values(exporters).map(({ title, extension, what }) => row(title, code([extension]), what)),
  row('Report', code(['.html']), 'One HTML file, images inside'),
].join('\n')}

## Pairs

\`winnow export PAIRS --as NAME --out PATH\`: a folder, or the one file that PATH names.

${[
  row('`--as`', 'in the studio', 'one file', 'what'),
  row('---', '---', '---', '---'),
  ...Object.entries<PairsExporter>(pairsExporters).map(([name, { title, single, what }]) =>
    row(code([name]), title, single ? code([single.extension]) : '', what),
  ),
].join('\n')}

## Models and LoRAs

${[
  row('`--as`', 'in the studio', 'ending', 'what'),
  row('---', '---', '---', '---'),
  ...exportKinds.map((kind) => {
    const { title, extension, help, holds } = modelExports[kind];
    return row(code([kind]), holds === 'unet' ? '' : title, extension === null ? 'a folder' : code([extension]), help);
  }),
].join('\n')}
`;
  await expect(text).toMatchFileSnapshot('../../../docs/formats.md');
});
