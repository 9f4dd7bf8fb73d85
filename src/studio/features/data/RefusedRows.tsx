import type { RefusedRow } from '../../../data/preferences/importing.ts';

const SHOWN = 50;

/** Which rows give no pair, and why. */
export const RefusedRows = ({ rows, more = 0 }: { rows: readonly RefusedRow[]; more?: number }) => (
  <ul className="small">
    {rows.slice(0, SHOWN).map(({ row, reason, file }) => (
      <li key={`${file} ${row} ${reason}`}>
        <span className="number">
          {file}, row {row}
        </span>
        : {reason}
      </li>
    ))}
    {rows.length + more > SHOWN ? <li>and {rows.length + more - SHOWN} more</li> : null}
  </ul>
);
