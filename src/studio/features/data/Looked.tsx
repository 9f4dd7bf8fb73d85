/** What would come in: counts, the first rows with their pictures, which column is which, the room it takes. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useEffect, useState } from 'react';
import type { Preview, PreviewRow } from '../../../data/preferences/preview.ts';
import { pictureTypes } from '../../../data/formats/pictureInfo.ts';
import { Button } from '../../components/Button.tsx';
import { Disclosure } from '../../components/Disclosure.tsx';
import { Notice } from '../../components/Surface.tsx';
import { printBytes, printCount } from '../../components/words.ts';
import { useStudio } from '../../store/useStudio.ts';
import { HowToRead } from './HowToRead.tsx';
import { RefusedRows } from './RefusedRows.tsx';
import styles from './data.module.css';

export function Looked() {
  const bringing = useStudio((s) => s.bringing);
  const busy = useStudio((s) => s.importWork !== null);
  const { bringIn, forgetImport } = useStudio.getState();
  const preview = bringing?.preview;
  if (!bringing || !preview) return null;
  const { name, freeBytes, tooLong } = bringing;
  const { bytesNeeded, title } = preview;
  const lacksRoom = bytesNeeded !== null && freeBytes !== null && bytesNeeded > freeBytes;
  const [needed, free] = [printBytes(bytesNeeded ?? 0), printBytes(freeBytes ?? 0)];
  const [counted, total] = [printCount(preview.counted), printCount(preview.total ?? 0)];
  const refused = preview.refused.length;
  const all = preview.total !== null && preview.counted >= preview.total;
  return (
    <section className="stack" aria-label={t`What is in ${name}`}>
      <h3 className={styles.sub}>
        {name} <span className="dim">{t`read as ${title}`}</span>
      </h3>
      <Figures preview={preview} tooLong={tooLong} freeBytes={freeBytes} />
      {all ? null : (
        <p className="small dim">
          {preview.total === null ? (
            <Trans>Counted in the first {counted} rows; the rest is read as it comes in.</Trans>
          ) : (
            <Trans>
              Counted in the first {counted} rows of {total}; the rest is read as it comes in.
            </Trans>
          )}
        </p>
      )}
      {preview.notes.map((note) => (
        <p key={note} className="small dim">
          {note}
        </p>
      ))}
      <FirstRows rows={preview.first} />
      {refused > 0 ? (
        <Disclosure label={t`${plural(refused, { one: `${refused} row`, other: `${refused} rows` })} refused, and why`}>
          <RefusedRows rows={preview.refused} />
        </Disclosure>
      ) : null}
      <Disclosure label={t`Which column is which, and which rows`}>
        <HowToRead columns={preview.columns} fields={preview.mapping} splits={preview.splits} format={preview.format} />
      </Disclosure>
      {lacksRoom ? (
        <Notice tone="warn">
          <Trans>
            The pictures take {needed}, and {free} are free here: free some space, or bring in fewer rows.
          </Trans>
        </Notice>
      ) : null}
      <div className="row">
        <Button look="primary" icon="check" disabled={busy || preview.counted === 0} onClick={bringIn}>
          <Trans>Bring them in</Trans>
        </Button>
        <Button look="quiet" disabled={busy} onClick={forgetImport}>
          <Trans>Not now</Trans>
        </Button>
      </div>
    </section>
  );
}

function Figures({
  preview,
  tooLong,
  freeBytes,
}: {
  preview: Preview;
  tooLong: number | null;
  freeBytes: number | null;
}) {
  const { counted, total, usable, ties, refused, raters, prompts, bytesNeeded } = preview;
  const free = printBytes(freeBytes ?? 0);
  const rows: [name: string, value: string, note?: string][] = [
    [t`Rows`, printCount(total ?? counted)],
    [t`Usable`, printCount(usable), t`with a preference`],
    [t`Ties`, printCount(ties)],
    [t`Refused`, printCount(refused.length), refused.length ? t`why: below` : ''],
    [t`Raters`, printCount(raters)],
    [
      t`Prompts`,
      printCount(prompts),
      tooLong ? t`${tooLong} longer than the model reads` : tooLong === 0 ? t`none too long` : '',
    ],
    [t`Pictures`, sizesOf(preview.first)],
    [
      t({ message: 'Room', context: 'on disk' }),
      bytesNeeded === null ? t`not known` : printBytes(bytesNeeded),
      freeBytes === null ? '' : t`of ${free} free`,
    ],
  ];
  return (
    <dl className={styles.figures}>
      {rows.map(([name, value, note]) => (
        <div key={name}>
          <dt className="small dim">{name}</dt>
          <dd className="number">{value}</dd>
          {note ? <dd className="small dim">{note}</dd> : null}
        </div>
      ))}
    </dl>
  );
}

/** Of the first rows. */
function sizesOf(rows: readonly PreviewRow[]): string {
  const sizes = new Set(
    rows.flatMap(({ pictures }) =>
      pictures.flatMap((one) => ('info' in one ? [`${one.info.width}×${one.info.height}`] : [])),
    ),
  );
  const [first = '-', ...more] = sizes;
  const others = more.length;
  return others > 1 ? t`${first} and ${others} other sizes` : [first, ...more].join(', ');
}

function FirstRows({ rows }: { rows: readonly PreviewRow[] }) {
  return (
    <ul className={styles.rows} aria-label={t`The first rows`}>
      {rows.map((row) => (
        <li key={`${row.file} ${row.row} ${row.prompt}`}>
          <div className={styles.two}>
            {([0, 1] as const).map((i) => (
              <Thumb key={i} picture={row.pictures[i]!} preferred={preferredOf(row) === i} />
            ))}
          </div>
          <p className="small" title={row.prompt}>
            <span className={styles.prompt}>{row.prompt || t`No prompt`}</span>
            <span className="dim">{saidOf(row)}</span>
          </p>
        </li>
      ))}
    </ul>
  );
}

/** Of one rater the answer; of several nothing is shown but how many. */
function preferredOf({ votes }: PreviewRow): 0 | 1 | null {
  const [vote] = votes;
  if (votes.length !== 1 || !vote || (vote.answer !== 'left' && vote.answer !== 'right')) return null;
  const left = vote.shownLeft ?? 0;
  return (vote.answer === 'left') === (left === 0) ? 0 : 1;
}

function saidOf(row: PreviewRow): string {
  const raters = row.votes.length;
  if (raters > 1) return t`${plural(raters, { one: `${raters} rater`, other: `${raters} raters` })}`;
  const preferred = preferredOf(row);
  if (preferred !== null) return preferred === 0 ? t`the first is preferred` : t`the second is preferred`;
  const [vote] = row.votes;
  return vote
    ? { tie: t`a tie`, bothBad: t`both bad`, skip: t`skipped`, left: '', right: '' }[vote.answer]
    : t`not judged`;
}

function Thumb({ picture, preferred }: { picture: PreviewRow['pictures'][number]; preferred: boolean }) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (!('bytes' in picture)) return;
    const made = URL.createObjectURL(
      new Blob([picture.bytes as Uint8Array<ArrayBuffer>], { type: pictureTypes[picture.info.type].mediaType }),
    );
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [picture]);
  return (
    <span className={styles.thumb} data-preferred={preferred || undefined}>
      {'problem' in picture ? <span className="small">{picture.problem}</span> : url ? <img src={url} alt="" /> : null}
    </span>
  );
}
