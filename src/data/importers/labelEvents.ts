/** Label events of ours, one a line: as the studio exports them and the command line appends them. */
import { labelKind } from '../../records/kinds.ts';
import { readRecordBytes } from '../formats/jsonl.ts';
import { importer, whole } from './importer.ts';

export const labelEventsImporter = importer({
  brings: 'labels',
  title: 'label events',
  what: 'answers to pairs and what was taken back, one a line, each checked field by field',
  extensions: ['.jsonl'],
  mediaTypes: ['application/jsonl'],
  async read(source) {
    const { records, cut } = readRecordBytes(await whole(source), labelKind, source.name);
    return {
      events: records,
      notes: cut === undefined ? [] : [`${source.name} ends in a record that is not whole; it does not count.`],
    };
  },
});
