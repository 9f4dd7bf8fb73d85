/** A win rate on a scale from A to B: the dot is what was counted, the band is what may be true. */
import { t } from '@lingui/core/macro';
import type { WinRate } from '../../../evaluation/winRate.ts';
import { printPercent } from '../../components/words.ts';
import styles from './compare.module.css';

export function WinBar({ result: { rate, interval }, a = 'A', b = 'B' }: { result: WinRate; a?: string; b?: string }) {
  const [won, low, high] = [printPercent(rate), printPercent(interval[0]), printPercent(interval[1])];
  const words = Number.isNaN(rate) ? t`nothing decided` : t`${b} won ${won}, 95 % interval ${low} to ${high}`;
  return (
    <div className={styles.winBar} data-own-colours role="img" aria-label={words}>
      <span className={styles.winMiddle} />
      <span
        className={styles.winInterval}
        style={{ left: `${interval[0] * 100}%`, right: `${100 - interval[1] * 100}%` }}
      />
      {Number.isNaN(rate) ? null : <span className={styles.winDot} style={{ left: `${rate * 100}%` }} />}
      <span className={styles.winA}>{a}</span>
      <span className={styles.winB}>{b}</span>
    </div>
  );
}
