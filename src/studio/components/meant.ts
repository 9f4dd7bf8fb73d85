/** Clicks that are about what is on screen. */
import { type RefObject, useRef } from 'react';

export interface Meant {
  /** For the element around everything that is clicked. */
  onPointerDownCapture(): void;
  /** False for the rest of a double click, and for one that began on what stood there before. */
  isMeant(event: { type: string; detail: number }): boolean;
}

/** @param shown changes with what is asked about. */
export function useMeant(shown: unknown): Meant {
  const pressedOn: RefObject<unknown> = useRef(undefined);
  return {
    onPointerDownCapture: () => (pressedOn.current = shown),
    isMeant: ({ type, detail }) => (type === 'click' && detail === 0) || (detail <= 1 && pressedOn.current === shown),
  };
}
