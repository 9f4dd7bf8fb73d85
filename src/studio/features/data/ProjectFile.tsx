/** Everything as one file, for another computer or for safe keeping; and back. */
import { useEffect, useState } from 'react';
import type { CheckedProject } from '../../../data/project/restore.ts';
import { Button, FileButton } from '../../components/Button.tsx';
import { Switch } from '../../components/Fields.tsx';
import { saveTaken } from '../../components/files.ts';
import { Disclosure, Notice, Panel, Progress, ProblemNotice } from '../../components/Surface.tsx';
import { plural, printBytes, printPercent, printWhen } from '../../components/words.ts';
import { useStudio } from '../../store/useStudio.ts';

export function ProjectFile() {
  const work = useStudio((s) => s.projectWork);
  const problem = useStudio((s) => s.projectProblem);
  const project = useStudio((s) => s.project);
  const restored = useStudio((s) => s.restored);
  const readOnly = useStudio((s) => s.engineState === 'otherTab');
  const { openProject, forgetProject } = useStudio.getState();
  return (
    <Panel title="Project file">
      <div className="stack">
        <p className="small dim">
          Pairs, labels, pictures, runs with their checkpoints, blind tests and settings in one zip. On another computer
          it gives the same screens, and a run goes on where it was.
        </p>
        <Save />
        {work ? (
          <div className="stack">
            <p className="small number" role="status">
              {work.what}: {printPercent(work.share)}
            </p>
            <Progress label={work.what} value={work.share} />
            <div>
              <Button icon="stop" onClick={forgetProject}>
                Stop
              </Button>
            </div>
          </div>
        ) : project ? (
          <Found project={project} />
        ) : (
          <div>
            <FileButton accept=".zip,application/zip" icon="folder" disabled={readOnly} onFile={openProject}>
              Open a project file
            </FileButton>
          </div>
        )}
        {restored ? (
          <Notice tone="good" title={`${restored.name} is here`}>
            {plural(restored.counts.pairs, 'pair')}, {plural(restored.counts.labels, 'label event')},{' '}
            {plural(restored.counts.runs, 'run')}.
            {restored.conflicts > 0 ? ` ${restored.conflicts} that differ from what was here were left out.` : ''}
          </Notice>
        ) : null}
        <ProblemNotice problem={problem} />
      </div>
    </Panel>
  );
}

function Save() {
  const size = useStudio((s) => s.projectSize);
  const storage = useStudio((s) => s.storage);
  const taking = useStudio((s) => s.taking);
  const atWork = useStudio((s) => s.projectWork !== null);
  const lacks = useStudio((s) => s.lacks !== null);
  // What is made, brought in or deleted changes it.
  const kept = useStudio((s) => `${s.pairs.length} ${s.images.length} ${s.runs.length} ${s.importWork}`);
  const { readProjectSize } = useStudio.getState();
  const [chosen, setChosen] = useState<readonly string[]>([]);
  useEffect(() => {
    void readProjectSize();
  }, [readProjectSize, kept]);
  const models = size?.models ?? [];
  const bytes =
    (size?.files ?? 0) + models.reduce((sum, { id, bytes: one }) => sum + (chosen.includes(id) ? one : 0), 0);
  const room = storage ? storage.quotaBytes - storage.usageBytes : Infinity;
  const mine = taking?.what === 'project';
  const save = async (): Promise<void> => {
    const { take, saveProject } = useStudio.getState();
    const file = await take('project', (onProgress) => saveProject(chosen, onProgress));
    if (file) saveTaken(file);
  };
  return (
    <div className="stack">
      {models.length > 0 ? (
        <fieldset className="stack">
          <legend className="small">Models that come along; the others go by name and hash</legend>
          {models.map(({ id, title, bytes: one }) => (
            <Switch
              key={id}
              label={`${title} (${printBytes(one)})`}
              checked={chosen.includes(id)}
              onChange={(on) => setChosen(on ? [...chosen, id] : chosen.filter((other) => other !== id))}
            />
          ))}
        </fieldset>
      ) : null}
      <div className="row">
        <Button look="primary" icon="save" busy={mine} disabled={taking !== null || atWork || lacks} onClick={save}>
          Save the project
          {mine && taking.share > 0
            ? ` · ${Math.floor(100 * taking.share)} %`
            : bytes > 0
              ? ` (${printBytes(bytes)})`
              : ''}
        </Button>
      </div>
      {bytes > room ? (
        <Notice tone="warn">
          It is put together in this browser’s storage first, where {printBytes(Math.max(0, room))} are free.
        </Notice>
      ) : null}
    </div>
  );
}

function Found({ project }: { project: CheckedProject }) {
  const { restoreProject, forgetProject } = useStudio.getState();
  const { name, manifest, fresh, files, bytes, runs, conflicts, missingModels } = project;
  const news = [
    fresh.pairs.length ? plural(fresh.pairs.length, 'pair') : '',
    fresh.labels.length ? plural(fresh.labels.length, 'label event') : '',
    fresh.images.length ? plural(fresh.images.length, 'image') : '',
    fresh.blindTests.length ? plural(fresh.blindTests.length, 'blind test') : '',
    runs ? plural(runs, 'run') : '',
    files.length ? `${plural(files.length, 'file')} of ${printBytes(bytes)}` : '',
  ].filter(Boolean);
  return (
    <div className="stack">
      <p>
        <strong>{name}</strong> is whole. <span className="small dim">Saved {printWhen(manifest.savedAt)}.</span>
      </p>
      <p className="small">{news.length ? `New here: ${news.join(', ')}.` : 'Everything in it is here already.'}</p>
      {conflicts.length > 0 ? (
        <Notice
          tone="warn"
          title={`${conflicts.length} differ from what is here under the same name, and stay as they are here`}
        >
          <Disclosure label="Which">
            <ul className="small">
              {conflicts.slice(0, 50).map((one) => (
                <li key={one}>{one}</li>
              ))}
              {conflicts.length > 50 ? <li>and {conflicts.length - 50} more</li> : null}
            </ul>
          </Disclosure>
        </Notice>
      ) : null}
      {missingModels.length > 0 ? (
        <Notice tone="warn" title="Models that did not come along">
          {missingModels.map(({ title, origin }) => (origin ? `${title} (${origin})` : title)).join(', ')}: bring them
          here before you go on with what was made with them.
        </Notice>
      ) : null}
      <div className="row">
        <Button look="primary" icon="check" disabled={news.length === 0} onClick={restoreProject}>
          Bring it back
        </Button>
        <Button look="quiet" onClick={forgetProject}>
          {news.length ? 'Not now' : 'Close'}
        </Button>
      </div>
    </div>
  );
}
