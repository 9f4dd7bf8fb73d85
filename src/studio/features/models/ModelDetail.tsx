/** What was read of one model, and what can be done with it. */
import type { ReactNode } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { samplerOfClass, samplers, substitution } from '../../../diffusion/samplers/table.ts';
import type { ModelInfo, PredictionType, StoredModel } from '../../../service/types.ts';
import { Button } from '../../components/Button.tsx';
import { Select } from '../../components/Fields.tsx';
import { ConfirmButton } from '../../components/Dialog.tsx';
import { Disclosure, Notice, Panel, ProblemNotice, Tag } from '../../components/Surface.tsx';
import { toast } from '../../components/toast.ts';
import { plural, printBytes, printCount, printSize, printWhen } from '../../components/words.ts';
import { chosenModel } from '../../store/models.ts';
import { hubRequestOf } from '../../store/modelsSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import type { Entry } from './entries.ts';
import { FileList } from './FileList.tsx';
import styles from './models.module.css';

const precisions: Record<ModelInfo['precision'], string> = {
  f32: '32 bits (f32)',
  f16: '16 bits (f16)',
  bf16: '16 bits (bf16)',
};
const predictions: Record<ModelInfo['predictionType'], string> = {
  epsilon: 'the noise (epsilon)',
  v_prediction: 'velocity (v)',
  sample: 'the picture (sample)',
};

export function ModelDetail({ entry }: { entry: Entry }) {
  const { info, stored, problem } = entry;
  const inUse = useStudio((s) => chosenModel(s)?.id === entry.id);
  const working = useStudio((s) => s.modelWork !== null);
  const ready = useStudio((s) => s.engineState === 'ready');
  const { useModel: choose, downloadModel } = useStudio.getState();
  const use = (): void => {
    choose(entry.id);
    toast(
      `${entry.title} is in use`,
      'Size, steps and training settings follow it. What was set for the other model is kept.',
    );
  };
  const from = stored?.source === 'hub' && stored.origin ? hubRequestOf(stored.origin) : null;
  return (
    <Panel
      title={entry.title}
      aside={
        <div className="row">
          {inUse ? <Tag tone="accent">in use</Tag> : null}
          {info && !inUse ? (
            <Button look="primary" icon="check" onClick={use}>
              Use this model
            </Button>
          ) : null}
          {stored && !stored.complete && from ? (
            <Button
              look="primary"
              icon="play"
              disabled={!ready || working}
              onClick={() => downloadModel(from, stored.files)}
            >
              Continue
            </Button>
          ) : null}
          {stored ? <Delete entry={entry} /> : null}
        </div>
      }
    >
      <div className="stack">
        {stored && !stored.complete ? (
          <Notice tone="warn" title={`${printBytes(stored.presentBytes)} of ${printBytes(stored.totalBytes)} are here`}>
            {from
              ? 'The download was cut short. It goes on where it stopped.'
              : 'The copy was cut short. Delete it, then choose the folder or the file again.'}
          </Notice>
        ) : null}
        <ProblemNotice problem={problem} />
        {info?.notTrainable ? <Notice title="Makes pictures, cannot be trained">{info.notTrainable}</Notice> : null}
        {info && stored ? <Predicts info={info} stored={stored} /> : null}
        <dl className={styles.facts}>
          {info ? <Facts info={info} /> : null}
          <Fact name="On disk">{printBytes(stored ? stored.presentBytes : (info?.weightBytes ?? 0))}</Fact>
          <Fact name="From" wide>
            {stored ? (stored.source === 'hub' ? (stored.origin ?? 'a download') : 'this computer') : 'Winnow itself'}
            {stored ? <span className="dim">, {printWhen(stored.addedAt)}</span> : null}
          </Fact>
        </dl>
        {stored ? (
          <Disclosure label={plural(stored.files.length, 'file')}>
            <FileList files={stored.files} />
          </Disclosure>
        ) : null}
      </div>
    </Panel>
  );
}

/** Files sometimes do not say what the network predicts, or say it wrongly: pictures are then noise or mud. */
function Predicts({ info, stored }: { info: ModelInfo; stored: StoredModel }) {
  const working = useStudio((s) => s.modelWork !== null);
  const { setPredictionType } = useStudio.getState();
  const options = Object.entries(predictions) as [PredictionType, string][];
  return (
    <Select<PredictionType | 'files'>
      label="What its network predicts"
      hint="Where pictures come out as noise or washed out, the files may say it wrongly."
      value={stored.predictionType ?? 'files'}
      disabled={working}
      onChange={(type) => void setPredictionType(stored.id, type === 'files' ? null : type)}
      options={[
        {
          value: 'files',
          label: stored.predictionType
            ? 'what its files say'
            : `what its files say: ${predictions[info.predictionType]}`,
        },
        ...options.map(([value, label]) => ({ value, label })),
      ]}
    />
  );
}

function Facts({ info }: { info: ModelInfo }) {
  const { parameters, defaults } = info;
  const own = samplerOfClass(info.scheduler);
  const substituted = substitution(info.scheduler);
  return (
    <>
      <Fact name="Family">{info.family}</Fact>
      <Fact name="Pipeline">{info.pipeline}</Fact>
      <Fact name="UNet">{printCount(parameters.unet)} weights</Fact>
      <Fact name={/XL/.test(info.pipeline) ? 'Text encoders' : 'Text encoder'}>
        {printCount(parameters.textEncoder)} weights, {info.maxTokens} tokens
      </Fact>
      <Fact name="VAE">{printCount(parameters.vae)} weights</Fact>
      <Fact name="Precision">{precisions[info.precision]}</Fact>
      <Fact name="Predicts">{predictions[info.predictionType]}</Fact>
      <Fact name="Scheduler">
        {own ? samplers[own].title : info.scheduler.replace(/Scheduler$/, '')}
        {substituted ? <span className="small dim"> {substituted}</span> : null}
      </Fact>
      <Fact name="Made for">
        {printSize(info.defaultSize)}, multiples of {info.sizeMultiple}
      </Fact>
      <Fact name="By default">
        {plural(defaults.steps, 'step')}, guidance {defaults.guidanceScale}
      </Fact>
    </>
  );
}

function Fact({ name, children, wide }: { name: string; children: ReactNode; wide?: boolean }) {
  return (
    <div data-wide={wide || undefined}>
      <dt>{name}</dt>
      <dd className="number">{children}</dd>
    </div>
  );
}

/** Says how much room it makes, and what will miss it. */
function Delete({ entry: { id, title, stored } }: { entry: Entry }) {
  const needing = useStudio(
    useShallow((s) => s.runs.filter((run) => run.model.base === id).map(({ name }) => `“${name}”`)),
  );
  const atWork = useStudio((s) => s.runs.some((run) => run.id === s.activeRun && run.model.base === id));
  const working = useStudio((s) => s.modelWork !== null);
  const { deleteModel } = useStudio.getState();
  if (atWork || working) return null;
  const consequence = needing.length
    ? ` ${plural(needing.length, 'run')} ${needing.length === 1 ? 'needs' : 'need'} it and cannot be used until it is back: ${needing.join(', ')}.`
    : ' No run needs it.';
  return (
    <ConfirmButton
      label="Delete"
      question={`${title} will be removed from this browser, which frees ${printBytes(stored?.presentBytes ?? 0)}.${consequence} Pictures and labels stay.`}
      confirm={`Delete ${title}`}
      onConfirm={() => deleteModel(id)}
    />
  );
}
