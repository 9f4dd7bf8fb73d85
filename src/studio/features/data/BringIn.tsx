/** Preferences that others gave: by drop, file, folder or address; looked at before anything is written. */
import { useState } from 'react';
import { filesPlace, isUrl, urlPlace } from '../../../data/preferences/places.ts';
import { Button, FilesButton, FolderButton } from '../../components/Button.tsx';
import { TextField } from '../../components/Fields.tsx';
import { Disclosure, Notice, Panel, Progress, ProblemNotice } from '../../components/Surface.tsx';
import { plural, printPercent } from '../../components/words.ts';
import { useStudio } from '../../store/useStudio.ts';
import { HowToRead } from './HowToRead.tsx';
import { Looked } from './Looked.tsx';
import { RefusedRows } from './RefusedRows.tsx';
import styles from './data.module.css';

const accept = '.parquet,.pq,.csv,.tsv,.json,.jsonl,.ndjson,.jpg,.jpeg,.png,.webp,.txt';

export function BringIn() {
  const bringing = useStudio((s) => s.bringing);
  const work = useStudio((s) => s.importWork);
  const problem = useStudio((s) => s.importProblem);
  const readOnly = useStudio((s) => s.engineState === 'otherTab' || s.lacks !== null);
  const { lookAtData, forgetImport } = useStudio.getState();
  return (
    <Panel title="Bring preferences in">
      <div className="stack">
        <p className="small dim">
          Pick-a-Pic and other pair sets as parquet, CSV or JSON, or folders of pictures. Drop them anywhere on this
          window. You see what is in them first; nothing is written until you say so, and nothing leaves this computer.
        </p>
        <div className="row">
          <FilesButton accept={accept} disabled={readOnly} onFiles={(files) => lookAtData(() => [filesPlace(files)])}>
            Files
          </FilesButton>
          <FolderButton disabled={readOnly} onFiles={(files) => lookAtData(() => [filesPlace(files)])}>
            A folder
          </FolderButton>
        </div>
        <FromAddress disabled={readOnly} />
        {work ? <AtWork /> : null}
        <ProblemNotice problem={problem} title={bringing ? bringing.name : ''} />
        {bringing?.preview && work?.what !== 'Bringing it in' ? <Looked /> : null}
        {bringing && !bringing.preview && !work && problem ? (
          <>
            <HowToRead columns={[]} fields={[]} />
            <div>
              <Button look="quiet" onClick={forgetImport}>
                Not now
              </Button>
            </div>
          </>
        ) : null}
        <CameIn />
      </div>
    </Panel>
  );
}

function FromAddress({ disabled }: { disabled: boolean }) {
  const [url, setUrl] = useState('');
  const { lookAtData } = useStudio.getState();
  const named = isUrl(url.trim()) && URL.canParse(url.trim());
  const look = (): void => void lookAtData(async (signal) => [await urlPlace(url.trim(), signal)]);
  return (
    <form
      className={styles.address}
      onSubmit={(event) => {
        event.preventDefault();
        if (named && !disabled) look();
      }}
    >
      <TextField label="Or by its address" value={url} onChange={setUrl} placeholder="https://…/train.parquet" />
      <Button icon="zoom" disabled={!named || disabled} onClick={look}>
        Look at it
      </Button>
    </form>
  );
}

function AtWork() {
  const work = useStudio((s) => s.importWork);
  const { stopImport } = useStudio.getState();
  if (!work) return null;
  const share = 'done' in work && work.total ? Math.min(1, work.done / work.total) : null;
  return (
    <div className="stack">
      <p className="small number" role="status">
        {work.what}
        {share === null ? '' : ` · ${printPercent(share)}`}
        {'pairs' in work && work.done > 0
          ? ` · ${plural(work.pairs, 'pair')}${work.refused ? `, ${work.refused} refused` : ''}`
          : ''}
      </p>
      <Progress label={work.what} value={share} />
      <div className="row">
        <Button icon="stop" onClick={stopImport}>
          Stop
        </Button>
        {'pairs' in work ? (
          <span className="small dim">What is here by then stays; the same import goes on from there.</span>
        ) : null}
      </div>
    </div>
  );
}

function CameIn() {
  const imported = useStudio((s) => s.imported);
  if (!imported) return null;
  const { name, pairs, usable, ties, refused, more, raters } = imported;
  const { setFilter } = useStudio.getState();
  return (
    <Notice
      tone="good"
      title={`${name} is here`}
      actions={
        <>
          <Button icon="label" href="#/label" onClick={() => setFilter('brought')}>
            Judge some of them
          </Button>
          <Button icon="train" href="#/train" disabled={usable === 0}>
            Train on them
          </Button>
        </>
      }
    >
      {plural(pairs, 'pair')}: {usable} with a preference, {plural(ties, 'tie')}, by {plural(raters, 'rater')}.
      {refused.length + more > 0 ? (
        <Disclosure label={`${plural(refused.length + more, 'row')} refused`}>
          <RefusedRows rows={refused} more={more} />
        </Disclosure>
      ) : null}
    </Notice>
  );
}
