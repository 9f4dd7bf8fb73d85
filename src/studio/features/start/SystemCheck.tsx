/** Which GPU there is and what it allows, in words; numbers for those who want them. */
import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { ModelInfo, SystemReport } from '../../../service/types.ts';
import { Button } from '../../components/Button.tsx';
import { Icon, type IconName } from '../../components/Icon.tsx';
import { Disclosure } from '../../components/Disclosure.tsx';
import { Progress } from '../../components/Progress.tsx';
import { Panel } from '../../components/Surface.tsx';
import { gpuName, printBytes, printCount, printSize } from '../../components/words.ts';
import { chosenModel } from '../../store/models.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './start.module.css';
import { said } from '../../languages/language.ts';

const backends: Record<SystemReport['choices']['sampler'], MessageDescriptor> = {
  engine: msg`Winnow’s own kernels`,
  'onnx-webgpu': msg`onnxruntime on WebGPU`,
  'onnx-wasm': msg`onnxruntime on the CPU`,
};

function mostInWords(bytes: number): string {
  const most = printBytes(bytes);
  return t({ message: `up to ${most} a buffer`, comment: 'memory of a GPU' });
}

const threadsInWords = (threads: number): string => t({ message: `${threads} for onnxruntime`, comment: 'threads' });

function diskInWords({ quotaBytes, usageBytes }: { quotaBytes: number; usageBytes: number }): string {
  const free = printBytes(quotaBytes - usageBytes);
  const used = printBytes(usageBytes);
  return t`${free} free, ${used} used`;
}

const withNetworkInWords = ({ failed: why }: { failed: string }): string => t`only with a network: ${why}`;

function ModelHere({ model: { title, parameters, defaultSize } }: { model: ModelInfo }) {
  const weights = printCount(parameters.unet);
  const size = printSize(defaultSize);
  return (
    <Trans>
      <Link href="/models">{title}</Link>: {weights} weights, {size}, here already
    </Trans>
  );
}

export function SystemCheck() {
  const state = useStudio((s) => s.engineState);
  const system = useStudio((s) => s.system);
  const model = useStudio(chosenModel);
  const preparing = useStudio((s) => s.preparing);
  const storage = useStudio((s) => s.storage);
  const lacks = useStudio((s) => s.lacks?.what);
  const kept = useStudio((s) => s.keptOffline);
  const install = useStudio((s) => s.install);
  const f16 = system?.features.includes('shader-f16');
  return (
    <Panel title={t`This computer`}>
      {preparing ? (
        <div className={styles.preparing}>
          <p className="small" role="status">
            {said(preparing.what)}
          </p>
          <Progress
            label={said(preparing.what)}
            value={preparing.total > 0 ? preparing.done / preparing.total : null}
          />
        </div>
      ) : null}
      <ul className={styles.checks}>
        <Check
          state={
            system && state !== 'failed' ? 'good' : state === 'starting' ? 'wait' : state === 'failed' ? 'note' : 'bad'
          }
          name="WebGPU"
        >
          {state === 'failed'
            ? t`the engine is not running`
            : system
              ? gpuName(system)
              : state === 'starting'
                ? t({ message: 'looking', comment: 'for WebGPU' })
                : state === 'otherTab'
                  ? t({ message: 'in use by another tab', comment: 'WebGPU' })
                  : t({ message: 'not available', comment: 'WebGPU' })}
        </Check>
        {system ? (
          <>
            {system.adapter.isFallback ? (
              <Check state="note" name={t`Speed`}>
                <Trans>No GPU driver: the processor does its work. It is correct, and slow.</Trans>
              </Check>
            ) : null}
            <Check state="good" name={t`Memory`}>
              {mostInWords(system.limits.maxBufferSize)}
            </Check>
            <Check state={f16 ? 'good' : 'note'} name={t`16-bit`}>
              {f16
                ? t({ message: 'yes', comment: 'there is arithmetic of 16 bits' })
                : t({ message: 'no; weights are unpacked instead', comment: 'there is no arithmetic of 16 bits' })}
            </Check>
            <Check state={system.wasmThreads > 1 ? 'good' : 'note'} name={t`Threads`}>
              {system.wasmThreads > 1
                ? threadsInWords(system.wasmThreads)
                : kept === 'kept' && !crossOriginIsolated
                  ? t({ message: 'one; more when this page is opened again', comment: 'threads' })
                  : t({ message: 'one: this page is not cross-origin isolated', comment: 'threads' })}
            </Check>
          </>
        ) : null}
        {lacks ? (
          <Check state="bad" name={t`Storage`}>
            {lacks === 'records' ? t`no records are kept for this page` : t`no files are kept for this page`}
          </Check>
        ) : null}
        {storage && !lacks ? (
          <Check state={storage.quotaBytes - storage.usageBytes > 500e6 ? 'good' : 'note'} name={t`Disk`}>
            {diskInWords(storage)}
          </Check>
        ) : null}
        {model ? (
          <Check state="good" name={t`Model`}>
            <ModelHere model={model} />
          </Check>
        ) : null}
        {kept ? (
          <Check state={kept === 'kept' ? 'good' : kept === 'coming' ? 'wait' : 'note'} name={t`Offline`}>
            {kept === 'kept'
              ? t`this page opens without a network`
              : kept === 'coming'
                ? t({ message: 'being kept in this browser', comment: 'this page' })
                : withNetworkInWords(kept)}
          </Check>
        ) : null}
      </ul>
      {install ? (
        <Button icon="down" onClick={install}>
          <Trans>Install Winnow</Trans>
        </Button>
      ) : null}
      {system ? (
        <Disclosure label={t`Measured here`}>
          <dl className={styles.measured}>
            <dt>
              <Trans>Images are made by</Trans>
            </dt>
            <dd>{i18n._(backends[system.choices.sampler])}</dd>
            {Object.entries(system.choices.measuredMs).map(([name, ms]) => (
              <div key={name} className={styles.measure}>
                <dt>{name}</dt>
                <dd className="number">{ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms</dd>
              </div>
            ))}
            {Object.entries(system.choices.failures).map(([name, why]) => (
              <div key={name} className={styles.measure}>
                <dt>{name}</dt>
                <dd>{t`does not run here: ${why}`}</dd>
              </div>
            ))}
          </dl>
        </Disclosure>
      ) : null}
    </Panel>
  );
}

function Check({
  state,
  name,
  children,
}: {
  state: 'good' | 'note' | 'bad' | 'wait';
  name: string;
  children: ReactNode;
}) {
  const icons: Record<typeof state, IconName> = { good: 'check', note: 'info', bad: 'bad', wait: 'refresh' };
  const words = {
    good: t({ message: 'fine', comment: 'a part of this computer' }),
    note: t({ message: 'note', comment: 'something to know of a part of this computer' }),
    bad: t({ message: 'missing', comment: 'a part of this computer' }),
    wait: t({ message: 'checking', comment: 'a part of this computer' }),
  };
  return (
    <li data-state={state}>
      <span className={styles.checkIcon} title={words[state]}>
        <Icon name={icons[state]} size={16} />
      </span>
      <strong>{name}</strong>
      <span className="dim">{children}</span>
    </li>
  );
}
