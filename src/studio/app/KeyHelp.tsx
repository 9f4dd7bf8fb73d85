/** Every key that works here and now, from the actions themselves. */
import { Switch } from '../components/Fields.tsx';
import { Keys, useKeyList } from '../components/Shortcuts.tsx';
import { Dialog } from '../components/Dialog.tsx';
import { useStudio } from '../store/useStudio.ts';
import styles from './shell.module.css';

export function KeyHelp({ open, onClose }: { open: boolean; onClose: () => void }) {
  const groups = useKeyList((s) => s.groups);
  const singleKeys = useStudio((s) => s.preferences.singleKeys);
  const { setPreference } = useStudio.getState();
  return (
    <Dialog title="Keys" open={open} onClose={onClose} size="lg">
      <div className="stack">
        <Switch
          label="Single-key shortcuts"
          hint="Off: only combinations with Ctrl or Cmd work, and buttons do everything else."
          checked={singleKeys}
          onChange={(on) => setPreference('singleKeys', on)}
        />
        <div className={styles.keyColumns}>
          {Object.entries(groups)
            .filter(([, actions]) => actions.length > 0)
            .map(([title, actions]) => (
              <section key={title} className={styles.keyGroup}>
                <h3>{title}</h3>
                {actions.map((action) => (
                  <div key={action.name} className={styles.keyRow}>
                    <span>{action.label}</span>
                    <Keys keys={action.keys ?? ''} spoken />
                  </div>
                ))}
              </section>
            ))}
        </div>
      </div>
    </Dialog>
  );
}
