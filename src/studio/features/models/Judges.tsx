/** Judges: what each is for, what it takes and what it is bad at; and how more come in. */
import { useState } from 'react';
import type { JudgeInfo } from '../../../service/types.ts';
import { Button, FileButton, FolderButton } from '../../components/Button.tsx';
import { TextField } from '../../components/Fields.tsx';
import { ConfirmButton } from '../../components/Dialog.tsx';
import { Notice, Panel } from '../../components/Surface.tsx';
import { plural, printBytes } from '../../components/words.ts';
import { pickedFolder, singleFile } from '../../store/modelFiles.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './models.module.css';

const defaultHost = 'https://huggingface.co';

export function Judges() {
  const own = useStudio((s) => s.models[0]?.judges);
  const stored = useStudio((s) => s.storedJudges);
  const idle = useStudio((s) => s.engineState === 'ready' && s.modelWork === null);
  const { deleteJudge } = useStudio.getState();
  return (
    <Panel title="Judges">
      <div className="stack">
        <p className="small dim">
          They give pictures scores: they pick the best of several, label pairs and compare models.
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
                  {problem?.message ?? 'It is not here in full: delete it, and bring it in again.'}
                </Notice>
              )}
              <p className="small dim number">{printBytes(totalBytes)}</p>
              <ConfirmButton
                label="Delete"
                question={`Delete ${info?.title ?? title}? Labels that it gave stay.`}
                confirm="Delete"
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

function About({ info: { title, scales, about, imageSize } }: { info: JudgeInfo }) {
  const prompts = scales.some(({ needs }) => needs.includes('prompt'));
  const size = imageSize === null ? 'of any size' : `of ${imageSize} × ${imageSize} pixels`;
  return (
    <>
      <strong>{title}</strong>
      <p className="small">{about.purpose}</p>
      <p className="small dim">
        Takes pictures {size}
        {prompts ? ' and their prompts' : ' alone'}. {about.weakness}
      </p>
    </>
  );
}

function AddJudge({ idle }: { idle: boolean }) {
  const plan = useStudio((s) => s.judgePlan);
  const planning = useStudio((s) => s.planningJudge);
  const { importJudge, planJudge, downloadJudge, forgetJudgePlan } = useStudio.getState();
  const [id, setId] = useState('');
  const named = /^[\w.-]+\/[\w.-]+$/.exec(id.trim().replace(/^https?:\/\/[^/]+\//, ''))?.[0];
  return (
    <>
      <p className="small dim">
        Add one: CLIP, PickScore, HPS or an aesthetic predictor as .safetensors, or any ONNX model with its
        preprocessor_config.json or a judge.json.
      </p>
      <div className="row">
        <FolderButton disabled={!idle} onFiles={(files) => importJudge(pickedFolder(files))}>
          A judge&rsquo;s folder
        </FolderButton>
        <FileButton accept=".safetensors,.onnx" disabled={!idle} onFile={(file) => importJudge(singleFile(file))}>
          A judge&rsquo;s file
        </FileButton>
      </div>
      <TextField label="Or a judge by its Hugging Face id" value={id} onChange={setId} placeholder="owner/name" />
      {plan ? (
        <>
          <p className="small number">
            {plan.id}: {plural(plan.files.length, 'file')}, {printBytes(plan.totalBytes)}
          </p>
          <div className="row">
            <Button
              look="primary"
              icon="save"
              disabled={!idle}
              onClick={() => downloadJudge({ id: plan.id, host: plan.host, revision: plan.revision })}
            >
              Download {printBytes(plan.totalBytes - plan.presentBytes)}
            </Button>
            <Button look="quiet" onClick={forgetJudgePlan}>
              Not now
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
          Look the judge up
        </Button>
      )}
    </>
  );
}
