/** What is at work: engine and GPU, the model, queue, labels; the theme and the keys. */
import { useMantineColorScheme } from '@mantine/core';
import { Link } from 'wouter';
import { IconButton } from '../components/Button.tsx';
import { gpuName, printPercent } from '../components/words.ts';
import { chosenModel, countUsable } from '../store/models.ts';
import { useStudio } from '../store/useStudio.ts';
import styles from './shell.module.css';

export function TopBar({ onHelp }: { onHelp: () => void }) {
  const state = useStudio((s) => s.engineState);
  const preparing = useStudio((s) => s.preparing);
  const lacks = useStudio((s) => s.lacks !== null);
  const system = useStudio((s) => s.system);
  const usable = useStudio((s) => countUsable(s).own);
  const jobs = useStudio((s) => s.jobs);
  const model = useStudio((s) => (s.models.length > 1 ? chosenModel(s)?.title : undefined));
  const comingIn = useStudio((s) => s.modelWork);
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const atWork = jobs.filter((job) => job.state === 'running' || job.state === 'waiting');
  const current = atWork.find((job) => job.state === 'running') ?? atWork[0];
  const next = { auto: 'light', light: 'dark', dark: 'auto' } as const;
  const schemes = {
    auto: ['system', 'Colours as the system'],
    light: ['sun', 'Light colours'],
    dark: ['moon', 'Dark colours'],
  } as const;
  const engine = {
    starting: {
      tone: 'busy',
      text: preparing
        ? `${preparing.what}${preparing.total > 1 ? ` ${preparing.done}/${preparing.total}` : ''}`
        : 'Starting the engine',
    },
    ready: { tone: 'good', text: system ? gpuName(system) : 'Ready' },
    failed: { tone: 'bad', text: lacks ? 'No engine here' : 'Engine stopped' },
    noWebGPU: { tone: 'bad', text: 'No WebGPU' },
    otherTab: { tone: 'idle', text: 'At work in another tab' },
  }[state];
  return (
    <section className={styles.bar} aria-label="Status">
      <div className={styles.state} role="status" aria-label="At work">
        <Link href="/" className={styles.chip!} title="Engine">
          <i className={styles.dot} data-tone={engine.tone} />
          <span>{engine.text}</span>
        </Link>
        {comingIn ? (
          <Link href="/models" className={styles.chip!}>
            <i className={styles.dot} data-tone="busy" />
            <span className="number">
              {comingIn.kind === 'copy' ? 'Copying' : 'Downloading'}{' '}
              {comingIn.totalBytes ? printPercent(comingIn.doneBytes / comingIn.totalBytes) : ''}
            </span>
          </Link>
        ) : model ? (
          <Link href="/models" className={styles.chip!} title="The model in use">
            <span>{model}</span>
          </Link>
        ) : null}
        {current ? (
          <Link href="/generate" className={styles.chip!}>
            <i className={styles.dot} data-tone="busy" />
            <span className="number">
              {current.state === 'waiting'
                ? 'Waiting'
                : `${current.kind === 'pairs' ? 'Pairs' : 'Images'} ${current.done}/${current.total}`}
              {atWork.length > 1 ? ` · ${atWork.length - 1} more` : ''}
            </span>
          </Link>
        ) : null}
        {usable > 0 ? (
          <Link href="/label" className={styles.chip!}>
            <span className="number">
              {usable} usable {usable === 1 ? 'label' : 'labels'}
            </span>
          </Link>
        ) : null}
      </div>
      <IconButton
        icon={schemes[colorScheme][0]}
        label={`${schemes[colorScheme][1]} (change)`}
        onClick={() => setColorScheme(next[colorScheme])}
      />
      <IconButton icon="help" label="All keys (?)" onClick={onHelp} />
    </section>
  );
}
