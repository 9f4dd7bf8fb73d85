/** Winnow's own: a pairs folder with everything it needs to be judged and trained on elsewhere; or every answer alone, one a line. */
import { filesOf, isForeign, type PairImage } from '../../../records/foreignImages.ts';
import { withoutPaths } from '../../../records/images.ts';
import type { PairRecord } from '../../../records/pairs.ts';
import { formatJsonl } from '../../formats/jsonl.ts';
import { labelEventsExporter } from '../labelEvents.ts';
import type { ExportEntry, PairsExporter, ToWrite } from './exporter.ts';
import { once } from './parquetTable.ts';

export const winnowFolderExporter: PairsExporter = {
  title: 'JSONL',
  what: 'pairs.jsonl and labels.jsonl with pictures and latents beside, every pair and every answer; a .jsonl file alone holds the answers',
  all: true,
  ties: true,
  splits: false,
  entries,
  single: {
    extension: labelEventsExporter.extension,
    mediaType: labelEventsExporter.mediaType,
    bytes: ({ source: { events, pairs } }) => once(labelEventsExporter.write({ events, pairs: pairs.map(portable) })),
  },
};

const portable = (pair: PairRecord): PairRecord => {
  const strip = (image: PairImage): PairImage => (isForeign(image) ? image : withoutPaths(image));
  return { ...pair, images: [strip(pair.images[0]), strip(pair.images[1])] };
};

async function* entries({ source: { pairs, events, files } }: ToWrite): AsyncGenerator<ExportEntry> {
  for (const path of new Set(pairs.flatMap(({ images }) => images.flatMap(filesOf))))
    yield {
      path,
      bytes: (async function* () {
        yield await files.read(path);
      })(),
    };
  yield { path: 'labels.jsonl', bytes: once(formatJsonl(events)) };
  // Last: a folder is one of pairs once it is there.
  yield { path: 'pairs.jsonl', bytes: once(formatJsonl(pairs.map(portable))) };
}
