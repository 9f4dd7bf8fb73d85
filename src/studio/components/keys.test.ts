/** Other keys for an action, as they are pressed, kept and printed. */
import { expect, it } from 'vitest';
import { isRemappable, keysInWords, keysOf, pressedKeys, waysOf } from './action.ts';

const press = (code: string, held: Partial<Record<'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey', true>> = {}) =>
  pressedKeys({ code, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held });

it('what is pressed is written as actions have it', () => {
  expect(press('KeyX')).toBe('x');
  expect(press('Digit3', { shiftKey: true })).toBe('shift+3');
  expect(press('ArrowLeft')).toBe('left');
  expect(press('KeyK', { metaKey: true })).toBe('mod+k');
  expect(press('Period', { ctrlKey: true, altKey: true })).toBe('mod+alt+period');
});

it('keys that mean something everywhere, and those that are none by themselves, are not taken', () => {
  for (const code of ['', 'Escape', 'Tab', 'Enter', 'NumpadEnter', 'ShiftLeft', 'ControlRight', 'MetaLeft'])
    expect(press(code), code).toBeNull();
});

it('a chosen key stands in the place of the one that an action comes with, and chords stay', () => {
  expect(keysOf({ swap: 'q' }, { name: 'swap', keys: 'c' })).toBe('q');
  expect(keysOf({}, { name: 'swap', keys: 'c' })).toBe('c');
  expect(isRemappable({ keys: 'c' })).toBe(true);
  expect(isRemappable({ keys: 'g>c' })).toBe(false);
  expect(isRemappable({ keys: '?', typed: true })).toBe(false);
});

it('the same key is the same, however it is written', () => {
  expect(waysOf('shift+mod+z, Backspace')).toEqual(waysOf('mod+shift+z,backspace'));
  expect(keysInWords('shift+backspace, mod+shift+z')).toBe('Shift + Backspace');
});
