/** Label events of ours, one a line. Read again by importers/labelEvents.ts. */
import type { LabelEvent } from '../../records/labels.ts';
import type { PairRecord } from '../../records/pairs.ts';
import { formatJsonl } from '../formats/jsonl.ts';
import { winnerOf } from '../labels.ts';
import type { Exporter } from './exporter.ts';

/** Every event in order; a label also says what it was about, so that the file stands on its own. */
export const labelEventsExporter: Exporter<{ events: readonly LabelEvent[]; pairs: readonly PairRecord[] }> = {
  title: 'Labels',
  what: 'JSONL, every answer',
  extension: '.jsonl',
  mediaType: 'application/jsonl',
  write({ events, pairs }) {
    const byId = new Map(pairs.map((pair) => [pair.id, pair]));
    return formatJsonl(
      events.map((event) => {
        const pair = event.type === 'label' ? byId.get(event.pair) : undefined;
        if (event.type === 'retract' || !pair) return event;
        const { prompt, images, asked } = pair;
        return { ...event, prompt, winner: winnerOf(event), images, ...(asked && { asked }) };
      }),
    );
  },
};
