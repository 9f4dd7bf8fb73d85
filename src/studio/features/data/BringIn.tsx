/** Preferences that others gave: by drop, file, folder or address; looked at before anything is written. */
import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useState } from 'react';
import { filesPlace, isUrl, urlPlace } from '../../../data/preferences/places.ts';
import { Button } from '../../components/Button.tsx';
import { FilesButton, FolderButton } from '../../components/FileButton.tsx';
import { TextField } from '../../components/Fields.tsx';
import { Disclosure } from '../../components/Disclosure.tsx';
import { Progress } from '../../components/Progress.tsx';
import { Notice, Panel, ProblemNotice } from '../../components/Surface.tsx';
import { printPercent } from '../../components/words.ts';
import type { ImportSlice } from '../../store/importSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import { HowToRead } from './HowToRead.tsx';
import { Looked } from './Looked.tsx';
import { RefusedRows } from './RefusedRows.tsx';
import styles from './data.module.css';

const accept = '.parquet,.pq,.csv,.tsv,.json,.jsonl,.ndjson,.jpg,.jpeg,.png,.webp,.txt';
const example = 'https://…/train.parquet';

export function BringIn() {
  const bringing = useStudio((s) => s.bringing);
  const work = useStudio((s) => s.importWork);
  const problem = useStudio((s) => s.importProblem);
  const readOnly = useStudio((s) => s.engineState === 'otherTab' || s.lacks !== null);
  const { lookAtData, forgetImport } = useStudio.getState();
  return (
    <Panel title={t`Bring preferences in`}>
      <div className="stack">
        <p className="small dim">
          <Trans>
            Pick-a-Pic and other pair sets as parquet, CSV or JSON, or folders of pictures. Drop them anywhere on this
            window. You see what is in them first; nothing is written until you say so, and nothing leaves this
            computer.
          </Trans>
        </p>
        <div className="row">
          <FilesButton accept={accept} disabled={readOnly} onFiles={(files) => lookAtData(() => [filesPlace(files)])}>
            <Trans>Files</Trans>
          </FilesButton>
          <FolderButton disabled={readOnly} onFiles={(files) => lookAtData(() => [filesPlace(files)])}>
            <Trans>A folder</Trans>
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
                <Trans>Not now</Trans>
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
      <TextField label={t`Or by its address`} value={url} onChange={setUrl} placeholder={example} />
      <Button icon="zoom" disabled={!named || disabled} onClick={look}>
        <Trans>Look at it</Trans>
      </Button>
    </form>
  );
}

const works: Record<NonNullable<ImportSlice['importWork']>['what'], MessageDescriptor> = {
  'Looking at it': msg`Looking at it`,
  'Bringing it in': msg`Bringing it in`,
};

function AtWork() {
  const work = useStudio((s) => s.importWork);
  const { stopImport } = useStudio.getState();
  if (!work) return null;
  const share = 'done' in work && work.total ? Math.min(1, work.done / work.total) : null;
  const what = i18n._(works[work.what]);
  const { pairs, refused } = 'pairs' in work ? work : { pairs: 0, refused: 0 };
  const far = [
    what,
    ...(share === null ? [] : [printPercent(share)]),
    ...('pairs' in work && work.done > 0
      ? [
          refused
            ? t`${plural(pairs, { one: `${pairs} pair`, other: `${pairs} pairs` })}, ${refused} refused`
            : t`${plural(pairs, { one: `${pairs} pair`, other: `${pairs} pairs` })}`,
        ]
      : []),
  ];
  return (
    <div className="stack">
      <p className="small number" role="status">
        {far.join(' · ')}
      </p>
      <Progress label={what} value={share} />
      <div className="row">
        <Button icon="stop" onClick={stopImport}>
          <Trans>Stop</Trans>
        </Button>
        {'pairs' in work ? (
          <span className="small dim">
            <Trans>What is here by then stays; the same import goes on from there.</Trans>
          </span>
        ) : null}
      </div>
    </div>
  );
}

function CameIn() {
  const imported = useStudio((s) => s.imported);
  if (!imported) return null;
  const { name, pairs, usable, ties, refused, more, raters } = imported;
  const out = refused.length + more;
  const { setFilter } = useStudio.getState();
  return (
    <Notice
      tone="good"
      title={t`${name} is here`}
      actions={
        <>
          <Button icon="label" href="#/label" onClick={() => setFilter('brought')}>
            <Trans>Judge some of them</Trans>
          </Button>
          <Button icon="train" href="#/train" disabled={usable === 0}>
            <Trans>Train on them</Trans>
          </Button>
        </>
      }
    >
      {t`${plural(pairs, { one: `${pairs} pair`, other: `${pairs} pairs` })}: ${usable} with a preference, ${plural(ties, { one: `${ties} tie`, other: `${ties} ties` })}, by ${plural(raters, { one: `${raters} rater`, other: `${raters} raters` })}.`}
      {out > 0 ? (
        <Disclosure label={t`${plural(out, { one: `${out} row`, other: `${out} rows` })} refused`}>
          <RefusedRows rows={refused} more={more} />
        </Disclosure>
      ) : null}
    </Notice>
  );
}
