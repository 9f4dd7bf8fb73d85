/** What was read of one model, and what can be done with it. */
import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import type { ReactNode } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { samplerOfClass, samplers, substitution } from '../../../diffusion/samplers/table.ts';
import type { ModelInfo, PredictionType, StoredModel } from '../../../service/types.ts';
import { Button } from '../../components/Button.tsx';
import { Select } from '../../components/Fields.tsx';
import { ConfirmButton } from '../../components/Dialog.tsx';
import { Disclosure } from '../../components/Disclosure.tsx';
import { Notice, Panel, ProblemNotice, Tag } from '../../components/Surface.tsx';
import { toast } from '../../components/toast.ts';
import { printBytes, printCount, printSize, printWhen } from '../../components/words.ts';
import { chosenModel } from '../../store/models.ts';
import { hubRequestOf } from '../../store/modelsSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import type { Entry } from './entries.ts';
import { FileList } from './FileList.tsx';
import styles from './models.module.css';

const precisions: Record<ModelInfo['precision'], MessageDescriptor> = {
  f32: msg`32 bits (f32)`,
  f16: msg`16 bits (f16)`,
  bf16: msg`16 bits (bf16)`,
};
const predictions: Record<ModelInfo['predictionType'], MessageDescriptor> = {
  epsilon: msg({ message: 'the noise (epsilon)', comment: 'what a network predicts' }),
  v_prediction: msg({ message: 'velocity (v)', comment: 'what a network predicts' }),
  sample: msg({ message: 'the picture (sample)', comment: 'what a network predicts' }),
};

function weightsInWords(weights: number): string {
  const count = printCount(weights);
  return t`${count} weights`;
}

const filesInWords = (count: number): string => plural(count, { one: `${count} file`, other: `${count} files` });

function presentInWords({ presentBytes, totalBytes }: StoredModel): string {
  const present = printBytes(presentBytes);
  const all = printBytes(totalBytes);
  return t`${present} of ${all} are here`;
}

export function ModelDetail({ entry }: { entry: Entry }) {
  const { title, info, stored, problem } = entry;
  const inUse = useStudio((s) => chosenModel(s)?.id === entry.id);
  const working = useStudio((s) => s.modelWork !== null);
  const ready = useStudio((s) => s.engineState === 'ready');
  const { useModel: choose, downloadModel } = useStudio.getState();
  const use = (): void => {
    choose(entry.id);
    toast(
      t`${title} is in use`,
      t`Size, steps and training settings follow it. What was set for the other model is kept.`,
    );
  };
  const from = stored?.source === 'hub' && stored.origin ? hubRequestOf(stored.origin) : null;
  return (
    <Panel
      title={title}
      aside={
        <div className="row">
          {inUse ? (
            <Tag tone="accent">
              <Trans comment="a model">in use</Trans>
            </Tag>
          ) : null}
          {info && !inUse ? (
            <Button look="primary" icon="check" onClick={use}>
              <Trans>Use this model</Trans>
            </Button>
          ) : null}
          {stored && !stored.complete && from ? (
            <Button
              look="primary"
              icon="play"
              disabled={!ready || working}
              onClick={() => downloadModel(from, stored.files)}
            >
              <Trans comment="a button: a download goes on">Continue</Trans>
            </Button>
          ) : null}
          {stored ? <Delete entry={entry} /> : null}
        </div>
      }
    >
      <div className="stack">
        {stored && !stored.complete ? (
          <Notice tone="warn" title={presentInWords(stored)}>
            {from
              ? t`The download was cut short. It goes on where it stopped.`
              : t`The copy was cut short. Delete it, then choose the folder or the file again.`}
          </Notice>
        ) : null}
        <ProblemNotice problem={problem} />
        {info?.notTrainable ? (
          <Notice title={t({ message: 'Makes pictures, cannot be trained', comment: 'a model' })}>
            {info.notTrainable}
          </Notice>
        ) : null}
        {info && stored ? <Predicts info={info} stored={stored} /> : null}
        <dl className={styles.facts}>
          {info ? <Facts info={info} /> : null}
          <Fact name={t`On disk`}>{printBytes(stored ? stored.presentBytes : (info?.weightBytes ?? 0))}</Fact>
          <Fact name={t({ message: 'From', context: 'model', comment: 'where it came from' })} wide>
            {stored
              ? stored.source === 'hub'
                ? (stored.origin ?? t({ message: 'a download', comment: 'where a model came from' }))
                : t({ message: 'this computer', comment: 'where a model came from' })
              : t({ message: 'Winnow itself', comment: 'where a model came from' })}
            {stored ? <span className="dim">, {printWhen(stored.addedAt)}</span> : null}
          </Fact>
        </dl>
        {stored ? (
          <Disclosure label={filesInWords(stored.files.length)}>
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
  const options = Object.entries(predictions) as [PredictionType, MessageDescriptor][];
  const what = i18n._(predictions[info.predictionType]);
  return (
    <Select<PredictionType | 'files'>
      label={t({ message: 'What its network predicts', comment: 'that of a model' })}
      hint={t`Where pictures come out as noise or washed out, the files may say it wrongly.`}
      value={stored.predictionType ?? 'files'}
      disabled={working}
      onChange={(type) => void setPredictionType(stored.id, type === 'files' ? null : type)}
      options={[
        {
          value: 'files',
          label: stored.predictionType ? t`what its files say` : t`what its files say: ${what}`,
        },
        ...options.map(([value, label]) => ({ value, label: i18n._(label) })),
      ]}
    />
  );
}

function Facts({ info }: { info: ModelInfo }) {
  const { parameters, defaults, maxTokens, sizeMultiple } = info;
  const { steps, guidanceScale } = defaults;
  const textWeights = printCount(parameters.textEncoder);
  const size = printSize(info.defaultSize);
  const own = samplerOfClass(info.scheduler);
  const substituted = substitution(info.scheduler);
  return (
    <>
      <Fact name={t({ message: 'Family', comment: 'of models' })}>{info.family}</Fact>
      <Fact name={t`Pipeline`}>{info.pipeline}</Fact>
      <Fact name="UNet">{weightsInWords(parameters.unet)}</Fact>
      <Fact name={/XL/.test(info.pipeline) ? t`Text encoders` : t`Text encoder`}>
        <Trans>
          {textWeights} weights, {maxTokens} tokens
        </Trans>
      </Fact>
      <Fact name="VAE">{weightsInWords(parameters.vae)}</Fact>
      <Fact name={t`Precision`}>{i18n._(precisions[info.precision])}</Fact>
      <Fact name={t({ message: 'Predicts', comment: 'a network: the noise, for example' })}>
        {i18n._(predictions[info.predictionType])}
      </Fact>
      <Fact name={t`Scheduler`}>
        {own ? samplers[own].title : info.scheduler.replace(/Scheduler$/, '')}
        {substituted ? <span className="small dim"> {substituted}</span> : null}
      </Fact>
      <Fact name={t({ message: 'Made for', comment: 'pictures of a size' })}>
        <Trans>
          {size}, multiples of {sizeMultiple}
        </Trans>
      </Fact>
      <Fact name={t`By default`}>
        {plural(steps, {
          one: `${steps} step, guidance ${guidanceScale}`,
          other: `${steps} steps, guidance ${guidanceScale}`,
        })}
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
    useShallow((s) => s.runs.filter((run) => run.model.base === id).map(({ name }) => t`“${name}”`)),
  );
  const atWork = useStudio((s) => s.runs.some((run) => run.id === s.activeRun && run.model.base === id));
  const working = useStudio((s) => s.modelWork !== null);
  const { deleteModel } = useStudio.getState();
  if (atWork || working) return null;
  const freed = printBytes(stored?.presentBytes ?? 0);
  const count = needing.length;
  const names = needing.join(', ');
  const consequence = count
    ? plural(count, {
        one: `${count} run needs it and cannot be used until it is back: ${names}.`,
        other: `${count} runs need it and cannot be used until it is back: ${names}.`,
      })
    : t({ message: 'No run needs it.', comment: 'a model that is deleted' });
  return (
    <ConfirmButton
      label={t`Delete`}
      question={[
        t`${title} will be removed from this browser, which frees ${freed}.`,
        consequence,
        t`Pictures and labels stay.`,
      ].join(' ')}
      confirm={t`Delete ${title}`}
      onConfirm={() => deleteModel(id)}
    />
  );
}
