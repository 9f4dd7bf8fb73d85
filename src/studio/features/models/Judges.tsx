/** Judges: what each is for, what it takes and what it is bad at; and how more come in. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useState } from 'react';
import type { HubPlan, JudgeInfo } from '../../../service/types.ts';
import { sayWhereItWent } from '../../components/cameIn.ts';
import { Button } from '../../components/Button.tsx';
import { FileButton, FolderButton } from '../../components/FileButton.tsx';
import { TextField } from '../../components/Fields.tsx';
import { ConfirmButton } from '../../components/Dialog.tsx';
import { Notice, Panel } from '../../components/Surface.tsx';
import { printBytes } from '../../components/words.ts';
import { pickedFolder, singleFile } from '../../store/modelFiles.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './models.module.css';
import { said } from '../../languages/language.ts';

const defaultHost = 'https://huggingface.co';

export function Judges() {
  const own = useStudio((s) => s.models[0]?.judges);
  const stored = useStudio((s) => s.storedJudges);
  const idle = useStudio((s) => s.engineState === 'ready' && s.modelWork === null);
  const { deleteJudge } = useStudio.getState();
  return (
    <Panel title={t({ message: 'Judges', comment: 'models that give pictures scores' })}>
      <div className="stack">
        <p className="small dim">
          <Trans comment="judges">
            They give pictures scores: they pick the best of several, label pairs and compare models.
          </Trans>
        </p>
        <ul className={styles.list}>
          {own?.map((info) => (
            <li key={info.name}>
              <About info={info} />
            </li>
          ))}
          {stored.map(({ id, title, info, problem, totalBytes }) => (
            <li key={id}>
              {info ? (
                <About info={info} />
              ) : (
                <Notice tone="warn" title={title}>
                  {problem?.message ??
                    t({ message: 'It is not here in full: delete it, and bring it in again.', comment: 'a judge' })}
                </Notice>
              )}
              <p className="small dim number">{printBytes(totalBytes)}</p>
              <ConfirmButton
                label={t`Delete`}
                question={deletionOf(info?.title ?? title)}
                confirm={t`Delete`}
                onConfirm={() => deleteJudge(id)}
              />
            </li>
          ))}
        </ul>
        <AddJudge idle={idle} />
      </div>
    </Panel>
  );
}

const deletionOf = (name: string): string => t`Delete ${name}? Labels that it gave stay.`;

/** What it looks at. */
function takes(size: number | null, prompts: boolean): string {
  if (size === null)
    return prompts ? t`Takes pictures of any size and their prompts.` : t`Takes pictures of any size alone.`;
  return prompts
    ? t`Takes pictures of ${size} × ${size} pixels and their prompts.`
    : t`Takes pictures of ${size} × ${size} pixels alone.`;
}

function About({ info: { title, scales, about, imageSize } }: { info: JudgeInfo }) {
  const prompts = scales.some(({ needs }) => needs.includes('prompt'));
  return (
    <>
      <strong>{title}</strong>
      <p className="small">{said(about.purpose)}</p>
      <p className="small dim">
        {takes(imageSize, prompts)} {said(about.weakness)}
      </p>
    </>
  );
}

function planInWords({ id, files, totalBytes }: HubPlan): string {
  const count = files.length;
  const all = printBytes(totalBytes);
  return plural(count, { one: `${id}: ${count} file, ${all}`, other: `${id}: ${count} files, ${all}` });
}

function AddJudge({ idle }: { idle: boolean }) {
  const plan = useStudio((s) => s.judgePlan);
  const planning = useStudio((s) => s.planningJudge);
  const { importJudge, planJudge, downloadJudge, forgetJudgePlan } = useStudio.getState();
  const [id, setId] = useState('');
  const left = printBytes(plan ? plan.totalBytes - plan.presentBytes : 0);
  const named = /^[\w.-]+\/[\w.-]+$/.exec(id.trim().replace(/^https?:\/\/[^/]+\//, ''))?.[0];
  return (
    <>
      <p className="small dim">
        <Trans comment="a judge">
          Add one: CLIP, PickScore, HPS, ImageReward or an aesthetic predictor as .safetensors, or any ONNX model with
          its preprocessor_config.json or a judge.json.
        </Trans>
      </p>
      <div className="row">
        <FolderButton
          disabled={!idle}
          onFiles={(files) => {
            const folder = pickedFolder(files);
            return sayWhereItWent(folder.name, 'judge', importJudge(folder));
          }}
        >
          <Trans comment="a button: a folder is chosen">A judge’s folder</Trans>
        </FolderButton>
        <FileButton
          accept=".safetensors,.onnx"
          disabled={!idle}
          onFile={(file) => sayWhereItWent(file.name, 'judge', importJudge(singleFile(file)))}
        >
          <Trans comment="a button: a file is chosen">A judge’s file</Trans>
        </FileButton>
      </div>
      <TextField
        label={t({ message: 'Or a judge by its Hugging Face id', comment: 'is added' })}
        value={id}
        onChange={setId}
        placeholder={t`owner/name`}
      />
      {plan ? (
        <>
          <p className="small number">{planInWords(plan)}</p>
          <div className="row">
            <Button
              look="primary"
              icon="save"
              disabled={!idle}
              onClick={() => downloadJudge({ id: plan.id, host: plan.host, revision: plan.revision })}
            >
              {t`Download ${left}`}
            </Button>
            <Button look="quiet" onClick={forgetJudgePlan}>
              <Trans>Not now</Trans>
            </Button>
          </div>
        </>
      ) : (
        <Button
          icon="zoom"
          busy={planning}
          disabled={!idle || !named}
          onClick={() => planJudge({ id: named!, host: defaultHost })}
        >
          <Trans>Look the judge up</Trans>
        </Button>
      )}
    </>
  );
}
