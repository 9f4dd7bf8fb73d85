/** Which GPU there is and what it allows, in words; numbers for those who want them. */
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { Button } from '../../components/Button.tsx';
import { Icon, type IconName } from '../../components/Icon.tsx';
import { Disclosure, Panel, Progress } from '../../components/Surface.tsx';
import { gpuName, printBytes, printCount, printSize } from '../../components/words.ts';
import { chosenModel } from '../../store/models.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './start.module.css';

const backends = {
  engine: 'Winnow’s own kernels',
  'onnx-webgpu': 'onnxruntime on WebGPU',
  'onnx-wasm': 'onnxruntime on the CPU',
} as const;

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
    <Panel title="This computer">
      {preparing ? (
        <div className={styles.preparing}>
          <p className="small" role="status">
            {preparing.what}
          </p>
          <Progress label={preparing.what} value={preparing.total > 0 ? preparing.done / preparing.total : null} />
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
            ? 'the engine is not running'
            : system
              ? gpuName(system)
              : state === 'starting'
                ? 'looking'
                : state === 'otherTab'
                  ? 'in use by another tab'
                  : 'not available'}
        </Check>
        {system ? (
          <>
            {system.adapter.isFallback ? (
              <Check state="note" name="Speed">
                No GPU driver: the processor does its work. It is correct, and slow.
              </Check>
            ) : null}
            <Check state="good" name="Memory">
              up to {printBytes(system.limits.maxBufferSize)} a buffer
            </Check>
            <Check state={f16 ? 'good' : 'note'} name="16-bit">
              {f16 ? 'yes' : 'no; weights are unpacked instead'}
            </Check>
            <Check state={system.wasmThreads > 1 ? 'good' : 'note'} name="Threads">
              {system.wasmThreads > 1
                ? `${system.wasmThreads} for onnxruntime`
                : kept === 'kept' && !crossOriginIsolated
                  ? 'one; more when this page is opened again'
                  : 'one: this page is not cross-origin isolated'}
            </Check>
          </>
        ) : null}
        {lacks ? (
          <Check state="bad" name="Storage">
            no {lacks} are kept for this page
          </Check>
        ) : null}
        {storage && !lacks ? (
          <Check state={storage.quotaBytes - storage.usageBytes > 500e6 ? 'good' : 'note'} name="Disk">
            {printBytes(storage.quotaBytes - storage.usageBytes)} free, {printBytes(storage.usageBytes)} used
          </Check>
        ) : null}
        {model ? (
          <Check state="good" name="Model">
            <Link href="/models">{model.title}</Link>: {printCount(model.parameters.unet)} weights,{' '}
            {printSize(model.defaultSize)}, here already
          </Check>
        ) : null}
        {kept ? (
          <Check state={kept === 'kept' ? 'good' : kept === 'coming' ? 'wait' : 'note'} name="Offline">
            {kept === 'kept'
              ? 'this page opens without a network'
              : kept === 'coming'
                ? 'being kept in this browser'
                : `only with a network: ${kept.failed}`}
          </Check>
        ) : null}
      </ul>
      {install ? (
        <Button icon="down" onClick={install}>
          Install Winnow
        </Button>
      ) : null}
      {system ? (
        <Disclosure label="Measured here">
          <dl className={styles.measured}>
            <dt>Images are made by</dt>
            <dd>{backends[system.choices.sampler]}</dd>
            {Object.entries(system.choices.measuredMs).map(([name, ms]) => (
              <div key={name} className={styles.measure}>
                <dt>{name}</dt>
                <dd className="number">{ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms</dd>
              </div>
            ))}
            {Object.entries(system.choices.failures).map(([name, why]) => (
              <div key={name} className={styles.measure}>
                <dt>{name}</dt>
                <dd>does not run here: {why}</dd>
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
  const words = { good: 'fine', note: 'note', bad: 'missing', wait: 'checking' };
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
