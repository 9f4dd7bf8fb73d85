/** A command as one record: the same object serves its button, its shortcut and the list of keys. */
export interface Action {
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

/** Plain keys, without Ctrl, Cmd or Alt, can be switched off; Escape and a lone modifier combination cannot. */
export const isSingleKey = (keys: string): boolean => !/\b(mod|ctrl|meta|alt|escape)\b/.test(keys);
