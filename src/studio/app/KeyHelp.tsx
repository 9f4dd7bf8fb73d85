/** Every key that works here and now, from the actions themselves; and other keys for them, where a person wants others. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useEffect, useState } from 'react';
import { type Action, isRemappable, keysOf, pressedKeys, waysOf } from '../components/action.ts';
import { Button, IconButton } from '../components/Button.tsx';
import { Switch } from '../components/Fields.tsx';
import { Keys, useKeyList } from '../components/Shortcuts.tsx';
import { Dialog } from '../components/Dialog.tsx';
import { useStudio } from '../store/useStudio.ts';
import styles from './shell.module.css';

export function KeyHelp({ open, onClose }: { open: boolean; onClose: () => void }) {
  const groups = useKeyList((s) => s.groups);
  const singleKeys = useStudio((s) => s.preferences.singleKeys);
  const chosen = useStudio((s) => s.preferences.keys);
  const { setPreference } = useStudio.getState();
  const [changing, setChanging] = useState<string | null>(null);
  const [said, setSaid] = useState('');
  const close = (): void => {
    setChanging(null);
    setSaid('');
    onClose();
  };

  useEffect(() => {
    if (changing === null) return;
    const onKey = (event: KeyboardEvent): void => {
      // Nothing else hears it.
      event.preventDefault();
      event.stopImmediatePropagation();
      if (event.code === 'Escape') return setChanging(null);
      const keys = pressedKeys(event);
      if (keys === null) return;
      const now = useStudio.getState().preferences.keys;
      const other = Object.values(useKeyList.getState().groups)
        .flat()
        .find((action) => action.name !== changing && waysOf(keysOf(now, action)).includes(waysOf(keys)[0]!));
      if (other) {
        const { label } = other;
        setSaid(t`“${label}” has that key already.`);
      } else {
        setSaid('');
        setPreference('keys', { ...now, [changing]: keys });
      }
      setChanging(null);
    };
    addEventListener('keydown', onKey, true);
    return () => removeEventListener('keydown', onKey, true);
  }, [changing, setPreference]);

  return (
    <Dialog title={t({ message: 'Keys', comment: 'of a keyboard' })} open={open} onClose={close} size="lg">
      <div className="stack">
        <Switch
          label={t`Single-key shortcuts`}
          hint={t`Off: only combinations with Ctrl or Cmd work, and buttons do everything else.`}
          checked={singleKeys}
          onChange={(on) => setPreference('singleKeys', on)}
        />
        <div className="spread">
          <p className="small dim" role="status">
            {changing === null
              ? said || t`The pencil gives an action another key.`
              : t`Press the new key; Esc leaves it as it is.`}
          </p>
          {Object.keys(chosen).length ? (
            <Button look="quiet" icon="refresh" onClick={() => setPreference('keys', {})}>
              <Trans comment="a button: gives all keys their first meaning again">All as they were</Trans>
            </Button>
          ) : null}
        </div>
        <div className={styles.keyColumns}>
          {Object.entries(groups)
            .filter(([, actions]) => actions.length > 0)
            .map(([title, actions]) => (
              <section key={title} className={styles.keyGroup}>
                <h3>{title}</h3>
                {actions.map((action) => (
                  <KeyRow
                    key={action.name}
                    action={action}
                    changing={changing === action.name}
                    onChange={() => setChanging(action.name)}
                  />
                ))}
              </section>
            ))}
        </div>
      </div>
    </Dialog>
  );
}

function KeyRow({ action, changing, onChange }: { action: Action; changing: boolean; onChange: () => void }) {
  const { label } = action;
  return (
    <div className={styles.keyRow}>
      <span>{label}</span>
      <span className="row">
        {changing ? (
          <em className="small">
            <Trans>press a key</Trans>
          </em>
        ) : (
          <Keys of={action.name} keys={action.keys ?? ''} spoken />
        )}
        {isRemappable(action) ? (
          <IconButton icon="rename" size={24} label={t`Another key for: ${label}`} onClick={onChange} />
        ) : null}
      </span>
    </div>
  );
}
