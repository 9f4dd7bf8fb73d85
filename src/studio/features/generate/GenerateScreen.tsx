/** Generate: a prompt, Generate, and what came of it; everything else under More. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { IconButton } from '../../components/Button.tsx';
import type { Action } from '../../components/action.ts';
import { ActionButton } from '../../components/Button.tsx';
import { NumberField } from '../../components/Fields.tsx';
import { withFields } from '../../components/fieldProblem.ts';
import { ModelPicker } from '../../components/ModelPicker.tsx';
import { Shortcuts } from '../../components/Shortcuts.tsx';
import { Empty, Page, Panel, ProblemNotice, Tag } from '../../components/Surface.tsx';
import { randomSeed } from '../../store/prompts.ts';
import { useDraft } from '../../store/useDraft.ts';
import { useStudio } from '../../store/useStudio.ts';
import { Current } from './Current.tsx';
import styles from './generate.module.css';
import { MakePairs } from './MakePairs.tsx';
import { MoreSettings } from './MoreSettings.tsx';
import { PromptFields } from './PromptFields.tsx';
import { Queue } from './Queue.tsx';
import { StartImage } from './StartImage.tsx';

export function GenerateScreen() {
  const isEmpty = useStudio((s) => s.images.length === 0);
  const ready = useStudio((s) => s.engineState === 'ready');
  const problem = useStudio((s) => s.generateProblem);
  const lacks = useStudio((s) => s.lacks !== null);
  const current = useStudio(
    (s) => (s.jobs.find((job) => job.state === 'running') ?? s.jobs.find((job) => job.state === 'waiting'))?.id,
  );
  const { generate, makePairs, cancelJob } = useStudio.getState();
  const actions: Action[] = [
    { name: 'generate', label: t`Generate`, keys: 'mod+enter', enabled: ready, perform: withFields(generate) },
    {
      name: 'makePairs',
      label: t`Make pairs`,
      keys: 'mod+shift+enter',
      enabled: ready,
      perform: withFields(() => makePairs()),
    },
    {
      name: 'cancel',
      label: t`Cancel the current job`,
      keys: 'shift+x',
      enabled: current !== undefined,
      perform: () => cancelJob(current!),
    },
  ];
  return (
    <Page title={t`Generate`} wide>
      <Shortcuts title={t`Generate`} actions={actions} />
      <div className={styles.columns}>
        <div className={styles.controls}>
          <Panel>
            <div className="stack">
              <PromptFields />
              <StartImage />
              <SeedFields />
              <ActionButton action={actions[0]!} look="primary" size="md" full />
              <ProblemNotice problem={problem} />
              <MoreSettings />
            </div>
          </Panel>
        </div>
        <div className={styles.pairs}>
          <MakePairs action={actions[1]!} />
        </div>
        <div className={styles.results}>
          <Queue />
          {isEmpty ? (
            <Empty icon="generate" title={t`Nothing made yet`}>
              {lacks ? (
                <Trans>Images could not be kept here: see above.</Trans>
              ) : (
                <Trans>Images appear here with their settings.</Trans>
              )}{' '}
              <Trans>Drop a picture made here, or by most other tools, on the window to get its settings back.</Trans>
            </Empty>
          ) : (
            <Current />
          )}
        </div>
      </div>
    </Page>
  );
}

function SeedFields() {
  const draft = useDraft('list', 'seed', 'seedLocked', 'count', 'model');
  const { setDraft, generateWith } = useStudio.getState();
  const total = (draft.list?.prompts.length ?? 1) * draft.count;
  return (
    <div className={styles.seeds}>
      <NumberField
        label={t`Seed`}
        value={draft.seed}
        min={0}
        max={2 ** 32 - 1}
        onChange={(seed) => setDraft({ seed, seedLocked: true })}
      />
      <div className={styles.seedButtons}>
        <IconButton
          icon={draft.seedLocked ? 'lock' : 'unlock'}
          label={
            draft.seedLocked
              ? t`Seed is kept: draw a new one each time instead`
              : t`A new seed each time: keep this one instead`
          }
          pressed={draft.seedLocked}
          onClick={() => setDraft({ seedLocked: !draft.seedLocked })}
        />
        <IconButton icon="dice" label={t`Draw another seed`} onClick={() => setDraft({ seed: randomSeed() })} />
      </div>
      <NumberField
        label={draft.list ? t`Seeds per prompt` : t`Images`}
        value={draft.count}
        min={1}
        max={64}
        onChange={(count) => setDraft({ count })}
      />
      {draft.list ? (
        <div className={styles.total}>
          <Tag>{t`${plural(total, { one: `${total} image`, other: `${total} images` })} in all`}</Tag>
        </div>
      ) : null}
      <div className={styles.model}>
        <ModelPicker label={t`Model`} value={draft.model} onChange={generateWith} withFile />
      </div>
    </div>
  );
}
