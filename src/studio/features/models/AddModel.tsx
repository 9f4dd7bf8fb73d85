/** A model from this computer, or from a hub: its size is said before anything is fetched. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { acceptOf } from '../../../data/importers/table.ts';
import { useState } from 'react';
import type { HubPlan } from '../../../service/types.ts';
import { Button } from '../../components/Button.tsx';
import { sayWhereItWent } from '../../components/cameIn.ts';
import { FileButton, FolderButton } from '../../components/FileButton.tsx';
import { TextField } from '../../components/Fields.tsx';
import { Disclosure } from '../../components/Disclosure.tsx';
import { Notice, Panel } from '../../components/Surface.tsx';
import { printBytes } from '../../components/words.ts';
import { pickedFolder } from '../../store/modelFiles.ts';
import { useStudio } from '../../store/useStudio.ts';
import { FileList } from './FileList.tsx';
import styles from './models.module.css';

const defaultHost = 'https://huggingface.co';
const defaultRevision = 'main';

export function AddModel() {
  const idle = useStudio((s) => s.engineState === 'ready' && s.modelWork === null);
  const { importModel, importFile } = useStudio.getState();
  return (
    <Panel title={t`Add a model`}>
      <div className="stack">
        <p className="small dim">
          <Trans>
            A diffusers folder or a single-file checkpoint of the Stable Diffusion family, as .safetensors. You can also
            drop it anywhere on this window.
          </Trans>
        </p>
        <div className="row">
          <FolderButton
            disabled={!idle}
            onFiles={(files) => {
              const folder = pickedFolder(files);
              return sayWhereItWent(folder.name, 'model', importModel(folder));
            }}
          >
            <Trans comment="a button: a folder is chosen">A folder</Trans>
          </FolderButton>
          <FileButton
            accept={acceptOf('weights')}
            disabled={!idle}
            onFile={(file) => sayWhereItWent(file.name, 'model', importFile(file))}
          >
            <Trans comment="a button: a file is chosen">A single file</Trans>
          </FileButton>
        </div>
        <FromHub idle={idle} />
      </div>
    </Panel>
  );
}

function planInWords({ files, totalBytes, presentBytes, availableBytes }: HubPlan): string {
  const count = files.length;
  const all = printBytes(totalBytes);
  const present = presentBytes > 0 ? printBytes(presentBytes) : null;
  const what = plural(count, { one: `${count} file, ${all}`, other: `${count} files, ${all}` });
  const size =
    present === null
      ? what
      : t({ message: `${what}, ${present} of it here already`, comment: '3 files, 2 GB, 1 GB of it here already' });
  if (availableBytes === null) return size;
  const free = printBytes(availableBytes);
  return t({ message: `${size}; ${free} free here`, comment: '3 files, 2 GB; 5 GB free here' });
}

function FromHub({ idle }: { idle: boolean }) {
  // What is on its way says the same.
  const plan = useStudio((s) => (s.modelWork?.kind === 'download' ? null : s.plan));
  const planning = useStudio((s) => s.planning);
  const { planDownload, forgetPlan, downloadModel } = useStudio.getState();
  const [id, setId] = useState('');
  const [host, setHost] = useState(defaultHost);
  const [revision, setRevision] = useState('');
  const left = printBytes(plan ? plan.totalBytes - plan.presentBytes : 0);
  // A pasted address of the model's page says the same.
  const named = /^[\w.-]+\/[\w.-]+$/.exec(id.trim().replace(/^https?:\/\/[^/]+\//, ''))?.[0];
  const lookUp = (): void =>
    void sayWhereItWent(
      named!,
      'model',
      planDownload({
        id: named!,
        host: host.trim() || defaultHost,
        ...(revision.trim() ? { revision: revision.trim() } : {}),
      }),
    );
  return (
    <form
      className={styles.hub}
      onSubmit={(event) => {
        event.preventDefault();
        if (named && idle && !planning) lookUp();
      }}
    >
      <TextField
        label={t({ message: 'Or by its Hugging Face id', comment: 'a model is added' })}
        value={id}
        onChange={setId}
        placeholder={t`owner/name`}
      />
      <Disclosure label={t({ message: 'More', comment: 'fields' })}>
        <div className="stack">
          <TextField
            label={t({ message: 'Host', comment: 'a server' })}
            hint={t`Any server with the same addresses.`}
            value={host}
            onChange={setHost}
          />
          <TextField
            label={t({ message: 'Revision', comment: 'of a repository' })}
            hint={t`A branch, a tag or a commit.`}
            value={revision}
            onChange={setRevision}
            placeholder={defaultRevision}
          />
        </div>
      </Disclosure>
      {plan ? (
        <div className={styles.plan}>
          <p>
            <strong>{plan.id}</strong> <span className="small dim number">{plan.revision.slice(0, 12)}</span>
          </p>
          <p className="small number">{planInWords(plan)}</p>
          <Disclosure label={t`Which files`}>
            <FileList files={plan.files} />
          </Disclosure>
          {plan.availableBytes !== null && plan.availableBytes < plan.totalBytes - plan.presentBytes ? (
            <Notice tone="warn">
              <Trans>There may not be room for it: delete another model first, or free some disk space.</Trans>
            </Notice>
          ) : null}
          <div className="row">
            <Button
              look="primary"
              icon="save"
              disabled={!idle}
              onClick={() => downloadModel({ id: plan.id, host: plan.host, revision: plan.revision }, plan.files)}
            >
              {plan.presentBytes > 0 ? t`Download the other ${left}` : t`Download ${left}`}
            </Button>
            <Button look="quiet" onClick={forgetPlan}>
              <Trans>Not now</Trans>
            </Button>
          </div>
        </div>
      ) : (
        <Button icon="zoom" busy={planning} disabled={!idle || !named} onClick={lookUp}>
          <Trans comment="a model">Look it up</Trans>
        </Button>
      )}
    </form>
  );
}
