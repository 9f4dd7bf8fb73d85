/** A command as one record: the same object serves its button, its shortcut and the list of keys. */
export interface Action {
  /** The same wherever it means the same: the keys that a person chooses for it go by it. */
  name: string;
  label: string;
  /** As react-hotkeys-hook reads them: `left, 1`, `mod+enter`, `g>l`. */
  keys?: string;
  /** Answers to the key a person types, not its place on the keyboard: `?`. */
  typed?: boolean;
  enabled?: boolean;
  perform(): unknown;
}

const names: Record<string, string> = {
  left: '←',
  right: '→',
  up: '↑',
  down: '↓',
  mod: 'Ctrl',
  space: 'Space',
  backspace: '⌫',
  enter: 'Enter',
  escape: 'Esc',
  shift: 'Shift',
  alt: 'Alt',
  bracketleft: '[',
  bracketright: ']',
  period: '.',
  slash: '/',
};

const isMac = typeof navigator !== 'undefined' && /mac/i.test(navigator.userAgent);

/** `left, 1` → [['←'], ['1']]; `mod+enter` → [['Ctrl', 'Enter']]. */
export function printKeys(keys: string): string[][] {
  return keys.split(',').map((one) =>
    one
      .trim()
      .split(/[+>]/)
      .map((part) => {
        const key = part.trim().toLowerCase();
        if (key === 'mod' && isMac) return '⌘';
        return names[key] ?? (key.length === 1 ? key.toUpperCase() : key);
      }),
  );
}

/** The keys that an action has: a person's own, or those that it comes with. */
export const keysOf = (chosen: Record<string, string>, { name, keys }: Pick<Action, 'name' | 'keys'>): string =>
  chosen[name] ?? keys ?? '';

/** Whether other keys can be chosen: chords of two keys and typed characters stay. */
export const isRemappable = ({ keys, typed }: Pick<Action, 'keys' | 'typed'>): boolean =>
  keys !== undefined && !keys.includes('>') && !typed;

/** Of each way to press it: `mod+enter`, in one order. */
export const waysOf = (keys: string): string[] =>
  keys.split(',').map((way) => way.trim().toLowerCase().split('+').sort().join('+'));

/** What was pressed, as `keys` has it; null for what means something everywhere, or is no key by itself. */
export function pressedKeys({
  code,
  ctrlKey,
  metaKey,
  altKey,
  shiftKey,
}: Pick<KeyboardEvent, 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>): string | null {
  if (!code || /^(Control|Meta|Alt|Shift|OS|CapsLock|Tab|Escape|Enter|NumpadEnter)/.test(code)) return null;
  const key = code.toLowerCase().replace(/^(key|digit|numpad|arrow)(?=.)/, '');
  return [...(ctrlKey || metaKey ? ['mod'] : []), ...(altKey ? ['alt'] : []), ...(shiftKey ? ['shift'] : []), key].join(
    '+',
  );
}

/** The first way, for a label: `Shift + Backspace`. */
export const keysInWords = (keys: string): string =>
  (printKeys(keys)[0] ?? []).map((part) => (part === '⌫' ? 'Backspace' : part)).join(' + ');

/** Plain keys, without Ctrl, Cmd or Alt, can be switched off; Escape and a lone modifier combination cannot. */
export const isSingleKey = (keys: string): boolean => !/\b(mod|ctrl|meta|alt|escape)\b/.test(keys);
