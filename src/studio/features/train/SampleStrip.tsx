/** Fixed prompts and seeds as the run goes on; the first column is the model it starts from. Arrows move, Enter enlarges. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import type { RunRecord, SampleRecord } from '../../../service/types.ts';
import type { Action } from '../../components/action.ts';
import { IconButton } from '../../components/Button.tsx';
import type { IconName } from '../../components/Icon.tsx';
import { Picture } from '../../components/Picture.tsx';
import { Shortcuts } from '../../components/Shortcuts.tsx';
import { Dialog } from '../../components/Dialog.tsx';
import { Panel } from '../../components/Surface.tsx';
import styles from './train.module.css';

type Move = Action & { icon: IconName };

export function SampleStrip({ run }: { run: RunRecord }) {
  const steps = [...new Set(run.samples.map((sample) => sample.step))].sort((a, b) => a - b);
  const rows = [
    ...new Map(
      run.samples.map((sample) => [`${sample.prompt} ${sample.seed}`, { prompt: sample.prompt, seed: sample.seed }]),
    ).values(),
  ];
  const at = (row: number, column: number): SampleRecord | undefined =>
    run.samples.find(
      (sample) =>
        sample.step === steps[column] && sample.prompt === rows[row]?.prompt && sample.seed === rows[row]?.seed,
    );
  const [open, setOpen] = useState<{ row: number; column: number } | null>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const last = steps.at(-1);
  useEffect(() => {
    // The newest column comes into view; whoever scrolled back is left alone.
    const element = scroller.current;
    if (element && element.scrollLeft + element.clientWidth > element.scrollWidth - 320)
      element.scrollLeft = element.scrollWidth;
  }, [last]);

  const onKeyDown = (event: KeyboardEvent, row: number, column: number): void => {
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    scroller.current?.querySelector<HTMLElement>(`[data-cell="${row + move[0]},${column + move[1]}"]`)?.focus();
  };
  const moved = (label: string, keys: string, icon: IconName, [rows, columns]: [number, number]): Move => {
    const to = open && { row: open.row + rows, column: open.column + columns };
    const enabled = to !== null && at(to.row, to.column) !== undefined;
    return { name: keys, label, keys, icon, enabled, perform: () => setOpen(to) };
  };
  const moves = [
    moved(t`The step before`, 'left', 'left', [0, -1]),
    moved(t`The next step`, 'right', 'right', [0, 1]),
    moved(t`The prompt above`, 'up', 'up', [-1, 0]),
    moved(t`The prompt below`, 'down', 'down', [1, 0]),
  ];

  if (!rows.length) return null;
  const opened = open ? at(open.row, open.column) : undefined;
  const { step: shown, seed } = opened ?? {};
  return (
    <Panel
      title={t({ message: 'Samples', comment: 'pictures that a run draws as it goes on' })}
      aside={
        <span className="small dim">
          <Trans>Same prompt, same seed, step by step</Trans>
        </span>
      }
    >
      <div className={styles.stripScroll} ref={scroller} tabIndex={-1}>
        <table className={styles.strip}>
          <thead>
            <tr>
              <th scope="col">
                <Trans>Prompt</Trans>
              </th>
              {steps.map((step) => (
                <th key={step} scope="col" className="number">
                  {step === 0 ? t({ message: 'base', comment: 'the model that a run starts from' }) : t`step ${step}`}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ prompt, seed }, row) => (
              <tr key={`${prompt} ${seed}`}>
                <th scope="row">
                  <span className={styles.stripPrompt} title={prompt}>
                    {prompt}
                  </span>
                  <span className="dim number">
                    <Trans>seed {seed}</Trans>
                  </span>
                </th>
                {steps.map((step, column) => {
                  const sample = at(row, column);
                  return (
                    <td key={step}>
                      {sample ? (
                        <button
                          type="button"
                          data-takes-arrows
                          data-cell={`${row},${column}`}
                          className={styles.stripCell}
                          aria-label={
                            step === 0
                              ? t`${prompt}, seed ${seed}, base: enlarge`
                              : t`${prompt}, seed ${seed}, step ${step}: enlarge`
                          }
                          onKeyDown={(event) => onKeyDown(event, row, column)}
                          onClick={() => setOpen({ row, column })}
                        >
                          <Picture file={sample.file} alt="" thumbnail />
                        </button>
                      ) : null}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Dialog
        title={
          shown === undefined
            ? ''
            : shown === 0
              ? t({ message: 'Base', comment: 'the model that a run starts from' })
              : t`Step ${shown}`
        }
        open={opened !== undefined}
        onClose={() => setOpen(null)}
        size="lg"
      >
        {opened ? (
          <>
            <Shortcuts title={t`Samples`} actions={moves} always />
            <div className={styles.stripBig}>
              <Picture file={opened.file} alt={opened.prompt} />
            </div>
            <p style={{ marginTop: 12 }}>{opened.prompt}</p>
            <div className="spread">
              <span className="small dim number">
                <Trans>seed {seed}</Trans>
              </span>
              <div className="row">
                {moves.map(({ label, icon, enabled, perform }) => (
                  <IconButton key={label} icon={icon} label={label} disabled={!enabled} onClick={perform} />
                ))}
              </div>
            </div>
          </>
        ) : null}
      </Dialog>
    </Panel>
  );
}
