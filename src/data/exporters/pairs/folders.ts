/** Two folders of pictures, matched by file name, the prompt in a text beside each: what kohya's and SimpleTuner's trainers read. A `metadata.jsonl`
 *  says the same in invoke-training's words. */
import { formatJsonl } from '../../formats/jsonl.ts';
import type { ExportEntry, PairsExporter, ToWrite } from './exporter.ts';
import { endingOf, type JudgedPair, pictureOf } from './judged.ts';
import { once } from './parquetTable.ts';

export const foldersExporter: PairsExporter = {
  title: 'Folders',
  what: 'win/ and lose/, matched by file name, with captions; a metadata.jsonl beside them',
  ties: false,
  splits: false,
  entries,
};

async function* entries({ source, rows }: ToWrite): AsyncGenerator<ExportEntry> {
  const digits = String(rows.length).length;
  const placed = rows.map((judged, i) => {
    const winner = judged.label0 === 1 ? 0 : 1;
    const stem = String(i + 1).padStart(digits, '0');
    const place = (which: 0 | 1): string =>
      `${which === winner ? 'win' : 'lose'}/${stem}${endingOf(judged.pair.images[which])}`;
    return { judged, files: [place(0), place(1)] as const };
  });
  for (const { judged, files } of placed)
    for (const [which, path] of files.entries()) {
      yield { path, bytes: picture(judged, which as 0 | 1, source) };
      yield { path: path.replace(/\.\w+$/, '.txt'), bytes: once(judged.pair.prompt) };
    }
  yield {
    path: 'metadata.jsonl',
    bytes: once(
      formatJsonl(
        placed.map(({ judged: { pair, label0 }, files }) => ({
          image_0: files[0],
          image_1: files[1],
          prompt: pair.prompt,
          prefer_0: label0 === 1,
          prefer_1: label0 === 0,
        })),
      ),
    ),
  };
}

async function* picture(
  { pair }: Pick<JudgedPair, 'pair'>,
  which: 0 | 1,
  { files }: ToWrite['source'],
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield await pictureOf(files, pair.images[which]);
}
