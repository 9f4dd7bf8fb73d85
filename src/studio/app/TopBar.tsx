/** What is at work: engine and GPU, the model, queue, labels; the theme and the keys. Each chip reads what it shows. */
import { plural, t } from '@lingui/core/macro';
import { useMantineColorScheme } from '@mantine/core';
import { Link } from 'wouter';
import { useShallow } from 'zustand/react/shallow';
import { IconButton } from '../components/Button.tsx';
import { gpuName, printPercent } from '../components/words.ts';
import { isOpen, type Job } from '../store/jobsSlice.ts';
import { usable } from '../store/labelSelectors.ts';
import { chosenModel } from '../store/models.ts';
import { type Studio, useStudio } from '../store/useStudio.ts';
import styles from './shell.module.css';
import { said } from '../languages/language.ts';

export function TopBar({ onFind, onHelp }: { onFind: () => void; onHelp: () => void }) {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const next = { auto: 'light', light: 'dark', dark: 'auto' } as const;
  const schemes = {
    auto: ['system', t`Colours as the system (change)`],
    light: ['sun', t`Light colours (change)`],
    dark: ['moon', t`Dark colours (change)`],
  } as const;
  return (
    <section className={styles.bar} aria-label={t`Status`}>
      <div className={styles.state} role="status" aria-label={t`At work`}>
        <EngineChip />
        <ModelChip />
        <JobChip />
        <LabelsChip />
      </div>
      <IconButton
        icon={schemes[colorScheme][0]}
        label={schemes[colorScheme][1]}
        onClick={() => setColorScheme(next[colorScheme])}
      />
      <IconButton icon="search" label={t`Find a command`} of="palette" onClick={onFind} />
      <IconButton icon="help" label={t`All keys`} of="help" onClick={onHelp} />
    </section>
  );
}

function EngineChip() {
  const state = useStudio((s) => s.engineState);
  const preparing = useStudio((s) => s.preparing);
  const lacks = useStudio((s) => s.lacks !== null);
  const system = useStudio((s) => s.system);
  const engine = {
    starting: {
      tone: 'busy',
      text: preparing
        ? `${said(preparing.what)}${preparing.total > 1 ? ` ${preparing.done}/${preparing.total}` : ''}`
        : t`Starting the engine`,
    },
    ready: { tone: 'good', text: system ? gpuName(system) : t`Ready` },
    failed: { tone: 'bad', text: lacks ? t`No engine here` : t`Engine stopped` },
    noWebGPU: { tone: 'bad', text: t`No WebGPU` },
    otherTab: { tone: 'idle', text: t`At work in another tab` },
  }[state];
  return (
    <Link href="/" className={styles.chip!} title={t`Engine`} data-quiet={engine.tone === 'good' || undefined}>
      <i className={styles.dot} data-own-colours data-tone={engine.tone} />
      <span>{engine.text}</span>
    </Link>
  );
}

function comingIn({ modelWork }: Studio): string | null {
  if (!modelWork) return null;
  const share = modelWork.totalBytes ? printPercent(modelWork.doneBytes / modelWork.totalBytes) : '';
  return modelWork.kind === 'copy' ? t`Copying ${share}` : t`Downloading ${share}`;
}

function ModelChip() {
  const work = useStudio(comingIn);
  const model = useStudio((s) => (s.models.length > 1 ? chosenModel(s)?.title : undefined));
  if (work !== null)
    return (
      <Link href="/models" className={styles.chip!}>
        <i className={styles.dot} data-own-colours data-tone="busy" />
        <span className="number">{work}</span>
      </Link>
    );
  return model ? (
    <Link href="/models" className={styles.chip!} title={t`The model in use`}>
      <span>{model}</span>
    </Link>
  ) : null;
}

function jobInWords({ kind, state, done, total }: Job): string {
  if (state === 'waiting') return t`Waiting`;
  return kind === 'pairs' ? t`Pairs ${done}/${total}` : t`Images ${done}/${total}`;
}

function JobChip() {
  const { text, more } = useStudio(
    useShallow(({ jobs }) => {
      const atWork = jobs.filter(isOpen);
      const current = atWork.find((job) => job.state === 'running') ?? atWork[0];
      return { text: current && jobInWords(current), more: atWork.length - 1 };
    }),
  );
  return text ? (
    <Link href="/generate" className={styles.chip!}>
      <i className={styles.dot} data-own-colours data-tone="busy" />
      <span className="number">
        {text}
        {more > 0 ? ` · ${t({ message: `${more} more`, comment: 'jobs that wait' })}` : ''}
      </span>
    </Link>
  ) : null;
}

function LabelsChip() {
  const labels = useStudio((s) => usable(s).own);
  return labels > 0 ? (
    <Link href="/label" className={styles.chip!}>
      <span className="number">
        {plural(labels, { one: `${labels} usable label`, other: `${labels} usable labels` })}
      </span>
    </Link>
  ) : null;
}
