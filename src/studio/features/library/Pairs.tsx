/** Every pair, from here or from elsewhere, with what its labels come to. */
import { useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import { winnerOf } from '../../../data/labels.ts';
import type { PairRecord } from '../../../service/types.ts';
import { Select, TextField } from '../../components/Fields.tsx';
import { Picture } from '../../components/Picture.tsx';
import { Empty } from '../../components/Surface.tsx';
import { VirtualGrid } from '../../components/VirtualGrid.tsx';
import { plural, printSize } from '../../components/words.ts';
import { type PairFilter, pairsListed } from '../../store/librarySelectors.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './library.module.css';

export function Pairs() {
  const pairs = useStudio((s) => s.pairs);
  const labels = useStudio((s) => s.labels.byPair);
  const [filter, setFilter] = useState<PairFilter>({ text: '', from: 'all', said: 'all', order: 'newest' });
  const change = (part: Partial<PairFilter>): void => setFilter({ ...filter, ...part });
  const listed = useMemo(() => pairsListed(pairs, labels, filter), [pairs, labels, filter]);
  if (!pairs.length)
    return (
      <Empty icon="label" title="No pairs yet">
        Make some on the Generate screen, or bring preferences in on the Data screen.
      </Empty>
    );
  return (
    <>
      <div className={styles.filters}>
        <TextField
          label="Find"
          value={filter.text}
          onChange={(text) => change({ text })}
          placeholder="words of a prompt"
        />
        <Select<PairFilter['from']>
          label="From"
          value={filter.from}
          onChange={(from) => change({ from })}
          options={[
            { value: 'all', label: 'Here and elsewhere' },
            { value: 'here', label: 'Made here' },
            { value: 'elsewhere', label: 'Elsewhere' },
          ]}
        />
        <Select<PairFilter['said']>
          label="Label"
          value={filter.said}
          onChange={(said) => change({ said })}
          options={[
            { value: 'all', label: 'Judged or not' },
            { value: 'none', label: 'Not judged' },
            { value: 'preferred', label: 'One is preferred' },
            { value: 'tie', label: 'A tie' },
            { value: 'bothBad', label: 'Both bad' },
            { value: 'skip', label: 'Skipped' },
          ]}
        />
        <Select<PairFilter['order']>
          label="Order"
          value={filter.order}
          onChange={(order) => change({ order })}
          options={[
            { value: 'newest', label: 'Newest first' },
            { value: 'oldest', label: 'Oldest first' },
            { value: 'prompt', label: 'By prompt' },
          ]}
        />
        <span className={`small dim number ${styles.count}`} role="status">
          {listed.length === pairs.length ? plural(pairs.length, 'pair') : `${listed.length} of ${pairs.length}`}
        </span>
      </div>
      <VirtualGrid label="Pairs" items={listed} size={230}>
        {(pair) => ({ key: pair.id, cell: <Pair pair={pair} /> })}
      </VirtualGrid>
    </>
  );
}

function Pair({ pair }: { pair: PairRecord }) {
  const label = useStudio((s) => s.labels.byPair.get(pair.id));
  const { showPair } = useStudio.getState();
  const [, navigate] = useLocation();
  const winner = label ? winnerOf(label) : null;
  const said = !label
    ? 'not judged'
    : winner === null
      ? { tie: 'a tie', bothBad: 'both bad', skip: 'skipped', left: '', right: '' }[label.answer]
      : winner === 0
        ? 'the first is preferred'
        : 'the second is preferred';
  const sizes = [...new Set(pair.images.map(printSize))].join(', ');
  return (
    <button
      type="button"
      className={styles.pair}
      aria-label={`${pair.prompt || 'No prompt'}: ${said}. Judge it again`}
      onClick={() => {
        showPair(pair.id);
        navigate('/label');
      }}
    >
      <span className={styles.two}>
        {pair.images.map((image, i) => (
          <span key={image.id} className={styles.side} data-preferred={winner === i || undefined}>
            <Picture file={image.file} alt="" thumbnail />
          </span>
        ))}
      </span>
      <span className={`small ${styles.prompt}`}>{pair.prompt || 'No prompt'}</span>
      <span className={`small dim ${styles.said}`}>
        {said} · {sizes}
        {pair.source ? ` · ${pair.source.file}, row ${pair.source.row}` : ''}
      </span>
    </button>
  );
}
