/** Every pair, from here or from elsewhere, with what its labels come to. */
import { useState } from 'react';
import { useLocation } from 'wouter';
import { isForeign } from '../../../records/foreignImages.ts';
import { winnerOf } from '../../../data/labels.ts';
import type { PairRecord } from '../../../service/types.ts';
import { Button } from '../../components/Button.tsx';
import { Select, TextField } from '../../components/Fields.tsx';
import { Picture } from '../../components/Picture.tsx';
import { Empty } from '../../components/Surface.tsx';
import { plural, printSize } from '../../components/words.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './library.module.css';

/** At a time: pictures of others may be large. */
const PAGE = 48;

type From = 'all' | 'here' | 'elsewhere';

export function Pairs() {
  const pairs = useStudio((s) => s.pairs);
  const [text, setText] = useState('');
  const [from, setFrom] = useState<From>('all');
  const [most, setMost] = useState(PAGE);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const listed = pairs.filter(
    (pair) =>
      (from === 'all' || (from === 'elsewhere') === pair.images.some(isForeign)) &&
      words.every((word) => pair.prompt.toLowerCase().includes(word)),
  );
  if (!pairs.length)
    return (
      <Empty icon="label" title="No pairs yet">
        Make some on the Generate screen, or bring preferences in on the Data screen.
      </Empty>
    );
  return (
    <>
      <div className={styles.filters}>
        <TextField label="Find" value={text} onChange={setText} placeholder="words of a prompt" />
        <Select<From>
          label="From"
          value={from}
          onChange={setFrom}
          options={[
            { value: 'all', label: 'Here and elsewhere' },
            { value: 'here', label: 'Made here' },
            { value: 'elsewhere', label: 'Elsewhere' },
          ]}
        />
        <span className={`small dim number ${styles.count}`} role="status">
          {listed.length === pairs.length ? plural(pairs.length, 'pair') : `${listed.length} of ${pairs.length}`}
        </span>
      </div>
      <ul className={styles.pairs} aria-label="Pairs">
        {listed.slice(0, most).map((pair) => (
          <Pair key={pair.id} pair={pair} />
        ))}
      </ul>
      {listed.length > most ? (
        <div>
          <Button icon="more" onClick={() => setMost(most + PAGE)}>
            Show {Math.min(PAGE, listed.length - most)} more
          </Button>
        </div>
      ) : null}
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
    <li>
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
        <span className="small dim">
          {said} · {sizes}
          {pair.source ? ` · ${pair.source.file}, row ${pair.source.row}` : ''}
        </span>
      </button>
    </li>
  );
}
