/** Two images side by side on neutral grey: choose one by click, tap, or swipe; linked zoom; flicker in place. */
import { t } from '@lingui/core/macro';
import { type CSSProperties, type MouseEvent, type PointerEvent, useEffect, useRef, useState } from 'react';
import type { PairImage } from '../../service/types.ts';
import { Picture } from './Picture.tsx';
import styles from './pairStage.module.css';

export interface StageView {
  zoomed: boolean;
  flickering: boolean;
}

interface PairStageProps {
  left: PairImage;
  right: PairImage;
  /** Said to screen readers; never which one is better. */
  prompt: string;
  view: StageView;
  /** What was said of each picture, where an answer stands. */
  marks?: { left?: string; right?: string } | undefined;
  /** Left out where there is nothing to choose, or nothing to see yet. */
  onChoose?: ((side: 'left' | 'right', clearly: boolean, event: MouseEvent | PointerEvent) => void) | undefined;
  compact?: boolean;
}

/** A whole number: pictures in whole steps stay so. */
const zoomFactor = 3;
const swipePixels = 56;
/** A pointer that went farther than this while it was down has dragged, and means no answer. */
const dragPixels = 6;
/** Two changes a second: comfortable, and far below what could harm (WCAG 2.3.1). */
const flickerMs = 450;

/** Both pictures stand in frames of one shape, whole: theirs where they have the same, else one between the two, within what a screen shows well. */
const frameRatio = (left: PairImage, right: PairImage): number =>
  Math.min(2.4, Math.max(0.42, Math.sqrt((left.width / left.height) * (right.width / right.height))));

function imageInWords(side: 'left' | 'right', canChoose: boolean): string {
  if (canChoose) return side === 'left' ? t`Left image is better` : t`Right image is better`;
  return side === 'left' ? t`Left image` : t`Right image`;
}

export function PairStage({ left, right, prompt, view, marks, onChoose, compact }: PairStageProps) {
  const [focus, setFocus] = useState({ x: 50, y: 50 });
  const [drag, setDrag] = useState(0);
  const start = useRef<{ x: number; y: number } | null>(null);
  const dragged = useRef(false);

  const onMove = (event: PointerEvent<HTMLDivElement>): void => {
    const box = (event.target as HTMLElement).closest<HTMLElement>(`.${styles['side']}`)?.getBoundingClientRect();
    if (view.zoomed && box)
      setFocus({
        x: ((event.clientX - box.left) / box.width) * 100,
        y: ((event.clientY - box.top) / box.height) * 100,
      });
    const from = start.current;
    if (!from) return;
    if (Math.hypot(event.clientX - from.x, event.clientY - from.y) > dragPixels) dragged.current = true;
    if (event.pointerType === 'touch' && !view.zoomed) setDrag(event.clientX - from.x);
  };
  const onUp = (event: PointerEvent<HTMLDivElement>): void => {
    const from = start.current;
    start.current = null;
    setDrag(0);
    if (!from || event.pointerType !== 'touch' || view.zoomed) return;
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    if (Math.abs(dx) < swipePixels || Math.abs(dx) < 1.5 * Math.abs(dy)) return;
    onChoose?.(dx < 0 ? 'left' : 'right', false, event);
  };

  const zoom = view.zoomed ? { transform: `scale(${zoomFactor})`, transformOrigin: `${focus.x}% ${focus.y}%` } : {};
  const ratio = frameRatio(left, right);

  if (view.flickering) return <Flicker left={left} right={right} prompt={prompt} compact={compact ?? false} />;
  return (
    <div
      className={styles.stage}
      data-compact={compact || undefined}
      data-zoomed={view.zoomed || undefined}
      style={{ '--ratio': ratio } as CSSProperties}
      onPointerDown={(event) => {
        start.current = { x: event.clientX, y: event.clientY };
        dragged.current = false;
      }}
      onPointerMove={onMove}
      onPointerUp={onUp}
      onPointerCancel={() => {
        start.current = null;
        setDrag(0);
      }}
    >
      {(['left', 'right'] as const).map((side) => {
        const image = side === 'left' ? left : right;
        const lean = side === 'left' ? drag < -8 : drag > 8;
        return (
          <button
            key={side}
            type="button"
            className={styles.side}
            data-lean={lean || undefined}
            disabled={!onChoose}
            aria-label={imageInWords(side, onChoose !== undefined)}
            onClick={(event) => {
              // A key presses without a pointer.
              if (event.detail > 0 && dragged.current) return;
              // Focus stays off the image, so that Space means skip again.
              if (event.detail > 0) event.currentTarget.blur();
              onChoose?.(side, event.shiftKey, event);
            }}
          >
            <Picture
              key={image.id}
              file={image.file}
              alt={side === 'left' ? t`Left: ${prompt}` : t`Right: ${prompt}`}
              style={zoom}
              ratio={ratio}
            />
            {marks?.[side] ? <span className={styles.mark}>{marks[side]}</span> : null}
          </button>
        );
      })}
    </div>
  );
}

/** One image in place of the other, at the same size and spot. */
export function Flicker({
  left,
  right,
  prompt,
  compact,
  names = [t({ message: 'left', comment: 'a picture' }), t({ message: 'right', comment: 'a picture' })],
}: {
  left: PairImage;
  right: PairImage;
  prompt: string;
  compact: boolean;
  names?: [string, string];
}) {
  const ratio = frameRatio(left, right);
  const [shown, setShown] = useState<'left' | 'right'>('left');
  useEffect(() => {
    const timer = setInterval(() => setShown((side) => (side === 'left' ? 'right' : 'left')), flickerMs);
    return () => clearInterval(timer);
  }, []);
  return (
    <div
      className={styles.stage}
      data-compact={compact || undefined}
      data-single
      style={{ '--ratio': ratio } as CSSProperties}
    >
      <div className={styles.side}>
        <div className={styles.stack}>
          <div style={{ visibility: shown === 'left' ? 'visible' : 'hidden' }}>
            <Picture file={left.file} alt={t`Left: ${prompt}`} ratio={ratio} />
          </div>
          <div style={{ visibility: shown === 'right' ? 'visible' : 'hidden' }}>
            <Picture file={right.file} alt={t`Right: ${prompt}`} ratio={ratio} />
          </div>
        </div>
        <span className={styles.flickerName}>{names[shown === 'left' ? 0 : 1]}</span>
      </div>
    </div>
  );
}

/** On while a key or a button is held. */
export function useHeldKey(code: string, enabled: boolean): boolean {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (!enabled) return;
    const isText = (target: EventTarget | null): boolean =>
      target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null;
    const down = (event: KeyboardEvent): void => {
      if (event.code === code && !event.ctrlKey && !event.metaKey && !event.altKey && !isText(event.target))
        setHeld(true);
    };
    const up = (event: KeyboardEvent): void => {
      if (event.code === code) setHeld(false);
    };
    const off = (): void => setHeld(false);
    addEventListener('keydown', down);
    addEventListener('keyup', up);
    addEventListener('blur', off);
    return () => {
      removeEventListener('keydown', down);
      removeEventListener('keyup', up);
      removeEventListener('blur', off);
      setHeld(false);
    };
  }, [code, enabled]);
  return held;
}

/** A button that works while it is held, by pointer or by Space and Enter. */
export function HoldButton({
  children,
  onHold,
  label,
}: {
  children: React.ReactNode;
  onHold: (held: boolean) => void;
  label: string;
}) {
  return (
    <button
      type="button"
      className={styles.hold}
      aria-label={label}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        onHold(true);
      }}
      onPointerUp={(event) => {
        onHold(false);
        event.currentTarget.blur();
      }}
      onPointerCancel={() => onHold(false)}
      onKeyDown={(event) => (event.code === 'Space' || event.code === 'Enter') && onHold(true)}
      onKeyUp={() => onHold(false)}
      onBlur={() => onHold(false)}
      onContextMenu={(event) => event.preventDefault()}
    >
      {children}
    </button>
  );
}
