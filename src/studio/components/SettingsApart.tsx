/** A table of what differs between the settings of runs. */
import { useShallow } from 'zustand/react/shallow';
import { useStudio } from '../store/useStudio.ts';
import { settingsApart } from './settingsApart.ts';
import styles from './settingsApart.module.css';
import { Panel } from './Surface.tsx';

/** Nothing for fewer than two runs that are here. */
export function SettingsApart({ ids }: { ids: readonly string[] }) {
  const runs = useStudio(useShallow((s) => ids.flatMap((id) => s.runs.find((one) => one.id === id) ?? [])));
  if (runs.length < 2) return null;
  const rows = settingsApart(runs);
  return (
    <Panel title="Settings that differ">
      {rows.length === 0 ? (
        <p className="small dim">None: these runs were set up alike.</p>
      ) : (
        <div className={styles.scroll}>
          <table className={styles.table}>
            <thead>
              <tr>
                <th scope="col">Setting</th>
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
                  <th scope="row">{setting}</th>
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
