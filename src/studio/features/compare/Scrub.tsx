/** One prompt and seed through a run's checkpoints, one after the other in one place. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useEffect, useState } from 'react';
import { Button, IconButton } from '../../components/Button.tsx';
import { SliderField } from '../../components/Fields.tsx';
import { Picture } from '../../components/Picture.tsx';
import { ScaleSwitch } from '../../components/ScaleSwitch.tsx';
import { Empty } from '../../components/Surface.tsx';
import { gridModels, pictureIn } from '../../store/compareSelectors.ts';
import { namedRuns } from '../../store/models.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './compare.module.css';
import { PromptTurn } from './PromptTurn.tsx';
import { useModelHashes } from './modelHashes.ts';
import { RunChoice } from './RunChoice.tsx';

/** Two a second: what changes is seen, and nothing flashes. */
const TURN_MS = 500;

export function Scrub() {
  const runs = useStudio(namedRuns);
  const gridRun = useStudio((s) => s.gridRun);
  const prompt = useStudio((s) => s.comparePrompts[s.comparePosition.prompt] ?? '');
  const seed = useStudio((s) => s.compareSeeds[s.comparePosition.seed] ?? 0);
  const ready = useStudio((s) => s.engineState === 'ready');
  const working = useStudio((s) => s.comparing);
  const find = useStudio(pictureIn);
  const { makeScrub } = useStudio.getState();
  const run = runs.find(({ id, checkpoints }) => id === gridRun && checkpoints.length > 0);
  const turns = run ? gridModels(run) : [];
  const known = useModelHashes(turns.map(({ model }) => model));
  const [chosen, setChosen] = useState(0);
  const [playing, setPlaying] = useState(false);
  useEffect(() => {
    if (!playing || turns.length < 2) return;
    const timer = setInterval(() => setChosen((at) => (at + 1) % turns.length), TURN_MS);
    return () => clearInterval(timer);
  }, [playing, turns.length]);
  if (!runs.some(({ checkpoints }) => checkpoints.length > 0))
    return (
      <Empty
        icon="train"
        title={t`No run to follow yet`}
        actions={
          <Button href="#/train">
            <Trans>Go to Train</Trans>
          </Button>
        }
      >
        <Trans>Here one picture changes from checkpoint to checkpoint.</Trans>
      </Empty>
    );
  const at = Math.min(chosen, Math.max(0, turns.length - 1));
  const nameOf = (turn: number): string => {
    const step = turns[turn]?.step;
    return step ? t`step ${step}` : t({ message: 'base', comment: 'the model before its training' });
  };
  const turn = nameOf(at);
  const pictures = turns.map(({ model }) => find(model, prompt, seed));
  const missing = pictures.filter((picture) => !picture).length;
  const image = pictures[at];
  return (
    <div className="stack">
      <div className={styles.gridHead}>
        <RunChoice />
        {missing > 0 && known && turns.length ? (
          <Button look="primary" disabled={!ready || working} onClick={makeScrub}>
            {t`Make ${plural(missing, { one: `${missing} image`, other: `${missing} images` })}`}
          </Button>
        ) : null}
        <ScaleSwitch />
      </div>
      <PromptTurn className={styles.gridPrompt}>
        <span className="dim number">
          <Trans>seed {seed}</Trans>
        </span>
      </PromptTurn>
      <div className={styles.single}>
        <div className={styles.singleInner}>
          <Picture
            file={image?.file}
            alt={t`${prompt}, seed ${seed}, ${turn}`}
            {...(image && { ratio: image.width / image.height })}
          />
        </div>
        <span className={styles.stageNote}>{turns.length ? turn : ''}</span>
      </div>
      {turns.length > 1 ? (
        <div className={styles.scrub}>
          <IconButton
            icon={playing ? 'pause' : 'play'}
            label={playing ? t`Stop` : t`Play`}
            onClick={() => setPlaying(!playing)}
          />
          <div data-takes-arrows>
            <SliderField
              label={t`Checkpoint`}
              value={at}
              onChange={(next) => {
                setPlaying(false);
                setChosen(next);
              }}
              min={0}
              max={turns.length - 1}
              step={1}
              print={nameOf}
            />
          </div>
        </div>
      ) : null}
    </div>
  );
}
