/** Binds the keys of actions while it is on screen, and tells the list of keys (`?`) about them. */
import { useEffect } from 'react';
import { useHotkeys } from 'react-hotkeys-hook';
import { create } from 'zustand';
import { useStudio } from '../store/useStudio.ts';
import { type Action, isSingleKey, keysInWords, keysOf, printKeys } from './action.ts';
import { attempt } from './toast.ts';

interface KeyList {
  groups: Record<string, Action[]>;
  /** A dialog is open: keys of the screen below it rest. */
  resting: boolean;
}

export const useKeyList = create<KeyList>(() => ({ groups: {}, resting: false }));

/** @param always also while a dialog is open: for the dialog's own keys. */
export function Shortcuts({
  title,
  actions,
  always = false,
}: {
  title: string;
  actions: readonly Action[];
  always?: boolean;
}) {
  useEffect(() => {
    useKeyList.setState(({ groups }) => ({ groups: { ...groups, [title]: actions.filter((action) => action.keys) } }));
  });
  useEffect(
    () => () =>
      useKeyList.setState(({ groups }) => {
        const { [title]: _, ...rest } = groups;
        return { groups: rest };
      }),
    [title],
  );
  return actions
    .filter((action) => action.keys)
    .map((action) => <Shortcut key={action.name} action={action} always={always} />);
}

function Shortcut({ action, always }: { action: Action; always: boolean }) {
  const singleKeys = useStudio((s) => s.preferences.singleKeys);
  const resting = useKeyList((s) => s.resting);
  const keys = useStudio((s) => keysOf(s.preferences.keys, action));
  const { enabled = true, typed = false, perform } = action;
  const allowed = enabled && (always || !resting) && (singleKeys || !isSingleKey(keys));
  useHotkeys(
    keys,
    (event) => {
      // A key that is held down says one thing once.
      if (event.repeat) return;
      if (inChord && !keys.includes('>')) return;
      event.preventDefault();
      attempt(perform);
    },
    {
      enabled: allowed,
      useKey: typed,
      // The typed character already holds its Shift, wherever it lies on this keyboard.
      ignoreModifiers: typed,
      sequenceTimeoutMs: 1500,
      ignoreEventWhen: usesKeyItself,
      enableOnFormTags: /mod\+((shift\+)?enter|k$)/.test(keys) ? ['input', 'textarea'] : false,
    },
    [perform, allowed],
  );
  return null;
}

/** A focused button takes Space and Enter; sliders, radios, tabs and lists take the arrows. */
function usesKeyItself(event: KeyboardEvent): boolean {
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  if (event.code === 'Space' || event.code === 'Enter' || event.code === 'NumpadEnter') {
    if (event.ctrlKey || event.metaKey) return false;
    return (
      target.closest(
        'button, a[href], summary, [role="button"], [role="slider"], [role="switch"], [role="checkbox"]',
      ) !== null
    );
  }
  if (event.code.startsWith('Arrow'))
    return (
      target.closest(
        '[role="slider"], [role="radio"], [role="tab"], [role="option"], [role="menuitem"], [role="combobox"], [role="listbox"], [data-takes-arrows]',
      ) !== null
    );
  return false;
}

/** After `g` the next key belongs to the chord alone: `g b` goes to the library and starts nothing on the way. */
const chordMs = 1500;
let chordSince = -Infinity;
let inChord = false;
if (typeof document !== 'undefined') {
  document.addEventListener(
    'keydown',
    (event) => {
      if (event.key === 'Shift') return;
      inChord = event.timeStamp - chordSince < chordMs;
      chordSince =
        event.code === 'KeyG' && !inChord && !event.ctrlKey && !event.metaKey && !event.altKey
          ? event.timeStamp
          : -Infinity;
    },
    true,
  );
}

/** ` (C)`: the keys of an action at hand, to go behind a label. */
export function useKeyHint(name: string | undefined): string {
  const chosen = useStudio((s) => (name === undefined ? undefined : s.preferences.keys[name]));
  const own = useKeyList(({ groups }) =>
    name === undefined
      ? undefined
      : Object.values(groups)
          .flat()
          .find((action) => action.name === name)?.keys,
  );
  const keys = chosen ?? own;
  return keys ? ` (${keysInWords(keys)})` : '';
}

/** Decoration beside a named command, unless it is `spoken`. */
export function Keys({
  of,
  keys,
  first = false,
  spoken = false,
}: {
  /** The action's name: a person may have chosen other keys for it. */
  of?: string | undefined;
  keys: string;
  first?: boolean;
  spoken?: boolean;
}) {
  const chosen = useStudio((s) => (of === undefined ? undefined : s.preferences.keys[of]));
  const groups = printKeys(chosen ?? keys);
  return (
    <span aria-hidden={!spoken} className="keys">
      {(first ? groups.slice(0, 1) : groups).map((parts) => (
        <span key={parts.join('+')} className="keyGroup">
          {parts.map((part, index) => (
            // oxlint-disable-next-line react/no-array-index-key -- a chord may hold a key twice
            <kbd key={`${index} ${part}`}>{part}</kbd>
          ))}
        </span>
      ))}
    </span>
  );
}
