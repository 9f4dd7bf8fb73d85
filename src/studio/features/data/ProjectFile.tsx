/** Everything as one file, for another computer or for safe keeping; and back. */
import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useEffect, useState } from 'react';
import type { CheckedProject } from '../../../data/project/restore.ts';
import { Button } from '../../components/Button.tsx';
import { FileButton } from '../../components/FileButton.tsx';
import { Switch } from '../../components/Fields.tsx';
import { saveTaken } from '../../components/files.ts';
import { Disclosure } from '../../components/Disclosure.tsx';
import { Progress } from '../../components/Progress.tsx';
import { Notice, Panel, ProblemNotice } from '../../components/Surface.tsx';
import { printBytes, printPercent, printWhen } from '../../components/words.ts';
import type { ProjectSlice } from '../../store/projectSlice.ts';
import { useStudio } from '../../store/useStudio.ts';

const works: Record<NonNullable<ProjectSlice['projectWork']>['what'], MessageDescriptor> = {
  'Looking through it': msg`Looking through it`,
  'Bringing it back': msg`Bringing it back`,
};

export function ProjectFile() {
  const work = useStudio((s) => s.projectWork);
  const problem = useStudio((s) => s.projectProblem);
  const project = useStudio((s) => s.project);
  const restored = useStudio((s) => s.restored);
  const readOnly = useStudio((s) => s.engineState === 'otherTab');
  const { openProject, forgetProject } = useStudio.getState();
  const what = work ? i18n._(works[work.what]) : '';
  return (
    <Panel title={t`Project file`}>
      <div className="stack">
        <p className="small dim">
          <Trans>
            Pairs, labels, pictures, runs with their checkpoints, blind tests and settings in one zip. On another
            computer it gives the same screens, and a run goes on where it was.
          </Trans>
        </p>
        <Save />
        {work ? (
          <div className="stack">
            <p className="small number" role="status">
              {what}: {printPercent(work.share)}
            </p>
            <Progress label={what} value={work.share} />
            <div>
              <Button icon="stop" onClick={forgetProject}>
                <Trans>Stop</Trans>
              </Button>
            </div>
          </div>
        ) : project ? (
          <Found project={project} />
        ) : (
          <div>
            <FileButton accept=".zip,application/zip" icon="folder" disabled={readOnly} onFile={openProject}>
              <Trans>Open a project file</Trans>
            </FileButton>
          </div>
        )}
        {restored ? <Restored restored={restored} /> : null}
        <ProblemNotice problem={problem} />
      </div>
    </Panel>
  );
}

function Restored({ restored: { name, counts, conflicts } }: { restored: NonNullable<ProjectSlice['restored']> }) {
  const { pairs, labels, runs } = counts;
  return (
    <Notice tone="good" title={t`${name} is here`}>
      {t`${plural(pairs, { one: `${pairs} pair`, other: `${pairs} pairs` })}, ${plural(labels, { one: `${labels} label event`, other: `${labels} label events` })}, ${plural(runs, { one: `${runs} run`, other: `${runs} runs` })}.`}
      {conflicts > 0 ? ` ${t`${conflicts} that differ from what was here were left out.`}` : ''}
    </Notice>
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
  const free = printBytes(Math.max(0, room));
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
          <legend className="small">
            <Trans>Models that come along; the others go by name and hash</Trans>
          </legend>
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
          <Trans>Save the project</Trans>
          {mine && taking.share > 0
            ? ` · ${Math.floor(100 * taking.share)} %`
            : bytes > 0
              ? ` (${printBytes(bytes)})`
              : ''}
        </Button>
      </div>
      {bytes > room ? (
        <Notice tone="warn">
          <Trans>It is put together in this browser’s storage first, where {free} are free.</Trans>
        </Notice>
      ) : null}
    </div>
  );
}

function Found({ project }: { project: CheckedProject }) {
  const { restoreProject, forgetProject } = useStudio.getState();
  const { name, manifest, fresh, files, bytes, runs, conflicts, missingModels } = project;
  const [pairs, labels, images] = [fresh.pairs.length, fresh.labels.length, fresh.images.length];
  const [tests, fileCount, size] = [fresh.blindTests.length, files.length, printBytes(bytes)];
  const news = [
    pairs ? t`${plural(pairs, { one: `${pairs} pair`, other: `${pairs} pairs` })}` : '',
    labels ? t`${plural(labels, { one: `${labels} label event`, other: `${labels} label events` })}` : '',
    images ? t`${plural(images, { one: `${images} image`, other: `${images} images` })}` : '',
    tests ? t`${plural(tests, { one: `${tests} blind test`, other: `${tests} blind tests` })}` : '',
    runs ? t`${plural(runs, { one: `${runs} run`, other: `${runs} runs` })}` : '',
    fileCount ? t`${plural(fileCount, { one: `${fileCount} file`, other: `${fileCount} files` })} of ${size}` : '',
  ].filter(Boolean);
  const list = news.join(', ');
  const when = printWhen(manifest.savedAt);
  const differing = conflicts.length;
  const unlisted = differing - 50;
  const models = missingModels.map(({ title, origin }) => (origin ? `${title} (${origin})` : title)).join(', ');
  return (
    <div className="stack">
      <p>
        <Trans>
          <strong>{name}</strong> is whole. <span className="small dim">Saved {when}.</span>
        </Trans>
      </p>
      <p className="small">{list ? t`New here: ${list}.` : t`Everything in it is here already.`}</p>
      {differing > 0 ? (
        <Notice
          tone="warn"
          title={t`${differing} differ from what is here under the same name, and stay as they are here`}
        >
          <Disclosure label={t({ message: 'Which', comment: 'opens the list of what differs' })}>
            <ul className="small">
              {conflicts.slice(0, 50).map((one) => (
                <li key={one}>{one}</li>
              ))}
              {unlisted > 0 ? <li>{t`and ${unlisted} more`}</li> : null}
            </ul>
          </Disclosure>
        </Notice>
      ) : null}
      {missingModels.length > 0 ? (
        <Notice tone="warn" title={t`Models that did not come along`}>
          {t`${models}: bring them here before you go on with what was made with them.`}
        </Notice>
      ) : null}
      <div className="row">
        <Button look="primary" icon="check" disabled={news.length === 0} onClick={restoreProject}>
          <Trans>Bring it back</Trans>
        </Button>
        <Button look="quiet" onClick={forgetProject}>
          {news.length ? t`Not now` : t`Close`}
        </Button>
      </div>
    </div>
  );
}
