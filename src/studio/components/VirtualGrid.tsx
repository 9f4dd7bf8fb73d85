/** A grid of any length in the page: what is far out of sight is not there. Its cells are as wide as one another, and as tall. */
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useLayoutEffect, useRef, useState } from 'react';
import styles from './virtualGrid.module.css';

const GAP = 12;

interface Metrics {
  columns: number;
  /** Of a cell, px. */
  height: number;
  /** Of the grid, from the top of the page, px. */
  top: number;
}

export function VirtualGrid<Item>({
  label,
  items,
  size,
  children,
}: {
  label: string;
  items: readonly Item[];
  /** A cell is at least so wide, px; there are two side by side however narrow it is. */
  size: number;
  /** A cell; its outermost element has its key. */
  children: (item: Item, at: number) => { key: string; cell: ReactNode };
}) {
  const list = useRef<HTMLUListElement>(null);
  const [{ columns, height, top }, setMetrics] = useState<Metrics>({ columns: 4, height: size + 60, top: 0 });
  useLayoutEffect(() => {
    const element = list.current!;
    const measure = (): void => {
      const { top: fromTop, width } = element.getBoundingClientRect();
      const cell = element.firstElementChild?.getBoundingClientRect().height ?? 0;
      const next = {
        columns: Math.max(2, Math.floor((width + GAP) / (size + GAP))),
        top: Math.round(fromTop + scrollY),
      };
      setMetrics((now) => {
        const tall = cell > 0 ? Math.round(cell) : now.height;
        return now.columns === next.columns && now.top === next.top && now.height === tall
          ? now
          : { ...next, height: tall };
      });
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    // What stands above it grows and shrinks, too.
    observer.observe(document.body);
    return () => observer.disconnect();
  }, [size]);
  const rows = useWindowVirtualizer({
    count: Math.ceil(items.length / columns),
    estimateSize: () => height,
    gap: GAP,
    overscan: 2,
    scrollMargin: top,
  });
  useLayoutEffect(() => rows.measure(), [rows, height, columns]);
  const shown = rows.getVirtualItems();
  const [first, last] = [shown[0], shown.at(-1)];
  const from = (first?.index ?? 0) * columns;
  const until = ((last?.index ?? -1) + 1) * columns;
  return (
    <ul
      ref={list}
      aria-label={label}
      className={styles.grid}
      style={{
        gap: GAP,
        gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
        paddingTop: first ? first.start - top : 0,
        paddingBottom: last ? rows.getTotalSize() - (last.end - top) : 0,
      }}
    >
      {items.slice(from, until).map((item, index) => {
        const { key, cell } = children(item, from + index);
        return (
          <li key={key} aria-setsize={items.length} aria-posinset={from + index + 1}>
            {cell}
          </li>
        );
      })}
    </ul>
  );
}
