import { t } from '@lingui/core/macro';
import type { RefusedRow } from '../../../data/preferences/importing.ts';

const SHOWN = 50;

/** Which rows give no pair, and why. */
export function RefusedRows({ rows, more = 0 }: { rows: readonly RefusedRow[]; more?: number }) {
  const unlisted = rows.length + more - SHOWN;
  return (
    <ul className="small">
      {rows.slice(0, SHOWN).map(({ row, reason, file }) => (
        <li key={`${file} ${row} ${reason}`}>
          <span className="number">{t`${file}, row ${row}`}</span>: {reason}
        </li>
      ))}
      {unlisted > 0 ? <li>{t`and ${unlisted} more`}</li> : null}
    </ul>
  );
}
