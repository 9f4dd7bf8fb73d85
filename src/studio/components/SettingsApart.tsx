/** A table of what differs between the settings of runs. */
import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useShallow } from 'zustand/react/shallow';
import { useStudio } from '../store/useStudio.ts';
import { settingsApart } from './settingsApart.ts';
import styles from './settingsApart.module.css';
import { Panel } from './Surface.tsx';

/** Those of the run itself; the others are called as in settings files. */
const ofRun: Readonly<Record<string, MessageDescriptor>> = {
  model: msg`model`,
  pairs: msg`pairs`,
  'labels from': msg({ message: 'labels from', comment: 'persons' }),
};

const nameOf = (setting: string): string => (ofRun[setting] ? i18n._(ofRun[setting]) : setting);

/** Nothing for fewer than two runs that are here. */
export function SettingsApart({ ids }: { ids: readonly string[] }) {
  const runs = useStudio(useShallow((s) => ids.flatMap((id) => s.runs.find((one) => one.id === id) ?? [])));
  if (runs.length < 2) return null;
  const rows = settingsApart(runs);
  return (
    <Panel title={t`Settings that differ`}>
      {rows.length === 0 ? (
        <p className="small dim">
          <Trans>None: these runs were set up alike.</Trans>
        </p>
      ) : (
        <div className={styles.scroll}>
          <table className={styles.table}>
            <thead>
              <tr>
                <th scope="col">
                  <Trans>Setting</Trans>
                </th>
                {runs.map(({ id, name }) => (
                  <th key={id} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map(({ setting, values }) => (
                <tr key={setting}>
                  <th scope="row">{nameOf(setting)}</th>
                  {runs.map(({ id }, at) => (
                    <td key={id} className="number">
                      {values[at]}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
