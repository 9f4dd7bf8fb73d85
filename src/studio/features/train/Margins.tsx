/** All pairs of a run by how far it agrees with their labels, the disputed first: where a label may be the wrong way round, or the model is. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import { heldOutOf } from '../../../data/heldOut.ts';
import { byTimestep, disputedFirst, marginIn, timestepBins } from '../../../evaluation/margins.ts';
import type { RunRecord, TrainPair } from '../../../service/types.ts';
import type { Action } from '../../components/action.ts';
import { Button } from '../../components/Button.tsx';
import { Picture } from '../../components/Picture.tsx';
import { Shortcuts } from '../../components/Shortcuts.tsx';
import { Progress } from '../../components/Progress.tsx';
import { Panel, Tag } from '../../components/Surface.tsx';
import { printPercent } from '../../components/words.ts';
import { lostWords } from '../../store/lostWords.ts';
import { judgedSince, type RunMargins, winnerFirst } from '../../store/marginsSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './train.module.css';

/** At a time. */
const PAGE = 20;
/** Of timesteps: little, middling and much noise. */
const BINS = 3;

export function Margins({ run }: { run: RunRecord }) {
  const found = useStudio((s) => s.margins[run.id]);
  const progress = useStudio((s) => (s.marginsProgress?.run === run.id ? s.marginsProgress : null));
  const free = useStudio((s) => s.engineState === 'ready' && s.activeRun === null && !s.readingMargins);
  const { readMargins, stopMargins } = useStudio.getState();
  if (run.checkpoints.length === 0) return null;
  const all = run.pairs.length;
  return (
    <Panel
      title={t`Disputed labels`}
      aside={
        progress ? (
          <Button icon="stop" onClick={stopMargins}>
            <Trans>Cancel</Trans>
          </Button>
        ) : (
          <Button icon="label" disabled={!free} onClick={() => readMargins(run.id)}>
            {found ? t`Look again` : t`Look at all ${all} pairs`}
          </Button>
        )
      }
    >
      {progress ? (
        <Progress label={t`Looking at the pairs`} value={progress.total ? progress.done / progress.total : null} />
      ) : found ? (
        <Table run={run} found={found} />
      ) : (
        <p className="small dim">
          <Trans>Where this run is surest that a label is wrong: judge those again first.</Trans>
        </p>
      )}
    </Panel>
  );
}

function Table({ run, found }: { run: RunRecord; found: RunMargins }) {
  const [most, setMost] = useState(PAGE);
  const [selected, setSelected] = useState(0);
  const [, navigate] = useLocation();
  const { showPair } = useStudio.getState();
  const known = useStudio((s) => s.pairs);
  const given = useStudio((s) => s.labels);
  const since = useMemo(() => judgedSince(run, known, given), [run, known, given]);
  const { pairs: heldOut } = heldOutOf(run.pairs, run.config);
  const held = new Set([...heldOut].map((i) => run.pairs[i]!.pair));
  const trained = new Map(run.pairs.map((one) => [one.pair, one]));
  const rows = disputedFirst(found.pairs);
  const bins = timestepBins(found.timesteps, BINS);
  const here = new Set(known.map(({ id }) => id));
  const again = (pair: string): void => {
    showPair(pair);
    navigate('/label');
  };
  const current = rows[selected];
  const judgeAgain: Action = {
    name: 'again',
    label: t`Judge the selected pair again`,
    keys: 'j',
    enabled: current !== undefined && here.has(current.pair),
    perform: () => again(current!.pair),
  };
  const actions: Action[] = [
    judgeAgain,
    {
      name: 'next',
      label: t`Next pair of the table`,
      keys: 'period',
      perform: () => setSelected(Math.min(selected + 1, Math.min(most, rows.length) - 1)),
    },
    {
      name: 'before',
      label: t`Pair of the table before`,
      keys: 'comma',
      perform: () => setSelected(Math.max(0, selected - 1)),
    },
  ];
  const against = rows.filter(({ margin }) => margin < 0).length;
  const { step, lost } = found;
  const left = run.pairs.length - rows.length;
  const draws = found.timesteps.length;
  const labels = rows.length;
  const more = Math.min(PAGE, rows.length - most);
  return (
    <div className="stack">
      <Shortcuts title={t`Disputed labels`} actions={actions} />
      <p className="small" data-testid="margins">
        {t`By step ${step}, over ${plural(draws, { one: `${draws} draw`, other: `${draws} draws` })}: it disagrees with ${against} of ${plural(labels, { one: `${labels} label`, other: `${labels} labels` })}.`}{' '}
        <span className="dim">
          {byTimestep(rows, found.timesteps, BINS)
            .map(({ from, to, right, margin }) => {
              const share = printPercent(right / rows.length);
              const ahead = margin.toFixed(2);
              return t({
                message: `t ${from} to ${to}: ${share} right, margin ${ahead}`,
                comment: 'timesteps; right: of the labels, agreed with',
              });
            })
            .join('; ')}
        </span>
      </p>
      {left > 0 && lost.length > 0 ? (
        <p className="small" role="status">
          {lostWords(left, lost)}
        </p>
      ) : null}
      <div className={styles.margins} tabIndex={0} role="region" aria-label={t`Pairs, the disputed first`}>
        <table>
          <thead>
            <tr>
              <th scope="col">
                <Trans comment="pictures">Preferred, and the other</Trans>
              </th>
              <th scope="col">
                <Trans>Prompt</Trans>
              </th>
              <th scope="col">
                <Trans comment="how far the preferred picture is ahead">Margin</Trans>
              </th>
              {bins.map(({ from, to }) => (
                <th key={from} scope="col">
                  t {from}–{to}
                </th>
              ))}
              <td />
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, most).map((row, i) => (
              <tr key={row.pair} aria-selected={i === selected} onClick={() => setSelected(i)}>
                <td>
                  <Two trained={trained.get(row.pair)!} />
                </td>
                <td className={`small ${styles.marginPrompt}`}>
                  {trained.get(row.pair)!.prompt}{' '}
                  {held.has(row.pair) ? (
                    <Tag>
                      <Trans comment="a pair, or pairs">held out</Trans>
                    </Tag>
                  ) : null}{' '}
                  {since.has(row.pair) ? (
                    <Tag tone="accent">
                      <Trans comment="a pair, whose label is another one now">judged otherwise since</Trans>
                    </Tag>
                  ) : null}
                </td>
                <td className="number" data-against={row.margin < 0 || undefined}>
                  {row.margin.toFixed(2)}
                </td>
                {bins.map((bin) => (
                  <td key={bin.from} className="number small">
                    {marginIn(bin, found.timesteps, row).toFixed(2)}
                  </td>
                ))}
                <td>
                  {/* One button, selected or not: whoever stands on it stays there when the next row is selected. */}
                  {here.has(row.pair) ? (
                    <Button
                      icon="label"
                      onClick={() => again(row.pair)}
                      {...(i === selected && { keys: judgeAgain.keys, of: judgeAgain.name })}
                    >
                      <Trans>Judge again</Trans>
                    </Button>
                  ) : null}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > most ? (
        <div>
          <Button icon="more" onClick={() => setMost(most + PAGE)}>
            <Trans>Show {more} more</Trans>
          </Button>
        </div>
      ) : null}
    </div>
  );
}

/** First the picture that the run took as the preferred one: its margin is about that, whatever was said of the pair since. */
function Two({ trained }: { trained: TrainPair }) {
  const pair = useStudio((s) => s.pairs.find(({ id }) => id === trained.pair));
  if (!pair) return null;
  const [first, other] = winnerFirst(pair.images, trained);
  return (
    <span className={styles.marginPictures}>
      <Picture file={first.file} alt={t({ message: 'preferred', comment: 'a picture' })} thumbnail />
      <Picture file={other.file} alt={t({ message: 'the other', comment: 'a picture' })} thumbnail />
    </span>
  );
}
