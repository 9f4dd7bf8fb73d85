/** A model from this computer, or from a hub: its size is said before anything is fetched. */
import { acceptOf } from '../../../data/importers/table.ts';
import { useState } from 'react';
import { Button, FileButton, FolderButton } from '../../components/Button.tsx';
import { TextField } from '../../components/Fields.tsx';
import { Disclosure, Notice, Panel } from '../../components/Surface.tsx';
import { plural, printBytes } from '../../components/words.ts';
import { pickedFolder } from '../../store/modelFiles.ts';
import { useStudio } from '../../store/useStudio.ts';
import { FileList } from './FileList.tsx';
import styles from './models.module.css';

const defaultHost = 'https://huggingface.co';

export function AddModel() {
  const idle = useStudio((s) => s.engineState === 'ready' && s.modelWork === null);
  const { importModel, importFile } = useStudio.getState();
  return (
    <Panel title="Add a model">
      <div className="stack">
        <p className="small dim">
          A diffusers folder or a single-file checkpoint of the Stable Diffusion family, as .safetensors. You can also
          drop it anywhere on this window.
        </p>
        <div className="row">
          <FolderButton disabled={!idle} onFiles={(files) => importModel(pickedFolder(files))}>
            A folder
          </FolderButton>
          <FileButton accept={acceptOf('weights')} disabled={!idle} onFile={importFile}>
            A single file
          </FileButton>
        </div>
        <FromHub idle={idle} />
      </div>
    </Panel>
  );
}

function FromHub({ idle }: { idle: boolean }) {
  // What is on its way says the same.
  const plan = useStudio((s) => (s.modelWork?.kind === 'download' ? null : s.plan));
  const planning = useStudio((s) => s.planning);
  const { planDownload, forgetPlan, downloadModel } = useStudio.getState();
  const [id, setId] = useState('');
  const [host, setHost] = useState(defaultHost);
  const [revision, setRevision] = useState('');
  // A pasted address of the model's page says the same.
  const named = /^[\w.-]+\/[\w.-]+$/.exec(id.trim().replace(/^https?:\/\/[^/]+\//, ''))?.[0];
  const lookUp = (): void =>
    void planDownload({
      id: named!,
      host: host.trim() || defaultHost,
      ...(revision.trim() ? { revision: revision.trim() } : {}),
    });
  return (
    <form
      className={styles.hub}
      onSubmit={(event) => {
        event.preventDefault();
        if (named && idle && !planning) lookUp();
      }}
    >
      <TextField label="Or by its Hugging Face id" value={id} onChange={setId} placeholder="owner/name" />
      <Disclosure label="More">
        <div className="stack">
          <TextField label="Host" hint="Any server with the same addresses." value={host} onChange={setHost} />
          <TextField
            label="Revision"
            hint="A branch, a tag or a commit."
            value={revision}
            onChange={setRevision}
            placeholder="main"
          />
        </div>
      </Disclosure>
      {plan ? (
        <div className={styles.plan}>
          <p>
            <strong>{plan.id}</strong> <span className="small dim number">{plan.revision.slice(0, 12)}</span>
          </p>
          <p className="small number">
            {plural(plan.files.length, 'file')}, {printBytes(plan.totalBytes)}
            {plan.presentBytes > 0 ? `, ${printBytes(plan.presentBytes)} of it here already` : ''}
            {plan.availableBytes === null ? '' : `; ${printBytes(plan.availableBytes)} free here`}
          </p>
          <Disclosure label="Which files">
            <FileList files={plan.files} />
          </Disclosure>
          {plan.availableBytes !== null && plan.availableBytes < plan.totalBytes - plan.presentBytes ? (
            <Notice tone="warn">
              There may not be room for it: delete another model first, or free some disk space.
            </Notice>
          ) : null}
          <div className="row">
            <Button
              look="primary"
              icon="save"
              disabled={!idle}
              onClick={() => downloadModel({ id: plan.id, host: plan.host, revision: plan.revision }, plan.files)}
            >
              {plan.presentBytes > 0
                ? `Download the other ${printBytes(plan.totalBytes - plan.presentBytes)}`
                : `Download ${printBytes(plan.totalBytes)}`}
            </Button>
            <Button look="quiet" onClick={forgetPlan}>
              Not now
            </Button>
          </div>
        </div>
      ) : (
        <Button icon="zoom" busy={planning} disabled={!idle || !named} onClick={lookUp}>
          Look it up
        </Button>
      )}
    </form>
  );
}
