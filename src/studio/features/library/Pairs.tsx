/** Every pair, from here or from elsewhere, with what its labels come to. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import { winnerOf } from '../../../data/labels.ts';
import type { PairRecord } from '../../../service/types.ts';
import { Select, TextField } from '../../components/Fields.tsx';
import { Picture } from '../../components/Picture.tsx';
import { Empty } from '../../components/Surface.tsx';
import { VirtualGrid } from '../../components/VirtualGrid.tsx';
import { printSize } from '../../components/words.ts';
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
      <Empty icon="label" title={t`No pairs yet`}>
        <Trans>Make some on the Generate screen, or bring preferences in on the Data screen.</Trans>
      </Empty>
    );
  const count = listed.length;
  const total = pairs.length;
  return (
    <>
      <div className={styles.filters}>
        <TextField
          label={t({ message: 'Find', comment: 'a field: what is typed is looked for' })}
          value={filter.text}
          onChange={(text) => change({ text })}
          placeholder={t`words of a prompt`}
        />
        <Select<PairFilter['from']>
          label={t({ message: 'From', comment: 'where pairs come from' })}
          value={filter.from}
          onChange={(from) => change({ from })}
          options={[
            { value: 'all', label: t({ message: 'Here and elsewhere', comment: 'where pairs come from' }) },
            { value: 'here', label: t({ message: 'Made here', comment: 'pairs' }) },
            { value: 'elsewhere', label: t({ message: 'Elsewhere', comment: 'where pairs come from' }) },
          ]}
        />
        <Select<PairFilter['said']>
          label={t({ message: 'Label', comment: 'what was said of a pair' })}
          value={filter.said}
          onChange={(said) => change({ said })}
          options={[
            { value: 'all', label: t({ message: 'Judged or not', comment: 'pairs' }) },
            { value: 'none', label: t({ message: 'Not judged', comment: 'pairs' }) },
            { value: 'preferred', label: t`One is preferred` },
            { value: 'tie', label: t({ message: 'A tie', comment: 'both are as good' }) },
            { value: 'bothBad', label: t`Both bad` },
            { value: 'skip', label: t`Skipped` },
          ]}
        />
        <Select<PairFilter['order']>
          label={t({ message: 'Order', comment: 'in which a list is sorted' })}
          value={filter.order}
          onChange={(order) => change({ order })}
          options={[
            { value: 'newest', label: t`Newest first` },
            { value: 'oldest', label: t`Oldest first` },
            { value: 'prompt', label: t`By prompt` },
          ]}
        />
        <span className={`small dim number ${styles.count}`} role="status">
          {count === total ? plural(count, { one: `${count} pair`, other: `${count} pairs` }) : t`${count} of ${total}`}
        </span>
      </div>
      <VirtualGrid label={t`Pairs`} items={listed} size={230}>
        {(pair) => ({ key: pair.id, cell: <Pair pair={pair} /> })}
      </VirtualGrid>
    </>
  );
}

const rowInWords = ({ file, row }: NonNullable<PairRecord['source']>): string =>
  t({ message: `${file}, row ${row}`, comment: 'where in a file a pair stands' });

function Pair({ pair }: { pair: PairRecord }) {
  const label = useStudio((s) => s.labels.byPair.get(pair.id));
  const { showPair } = useStudio.getState();
  const [, navigate] = useLocation();
  const winner = label ? winnerOf(label) : null;
  const said = !label
    ? t({ message: 'not judged', comment: 'a pair' })
    : winner === null
      ? {
          tie: t({ message: 'a tie', comment: 'both are as good' }),
          bothBad: t`both bad`,
          skip: t({ message: 'skipped', comment: 'a pair' }),
          left: '',
          right: '',
        }[label.answer]
      : winner === 0
        ? t({ message: 'the first is preferred', comment: 'picture' })
        : t({ message: 'the second is preferred', comment: 'picture' });
  const prompt = pair.prompt || t`No prompt`;
  const sizes = [...new Set(pair.images.map(printSize))].join(', ');
  return (
    <button
      type="button"
      className={styles.pair}
      aria-label={t`${prompt}: ${said}. Judge it again`}
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
      <span className={`small ${styles.prompt}`}>{prompt}</span>
      <span className={`small dim ${styles.said}`}>
        {said} · {sizes}
        {pair.source ? ` · ${rowInWords(pair.source)}` : ''}
      </span>
    </button>
  );
}
