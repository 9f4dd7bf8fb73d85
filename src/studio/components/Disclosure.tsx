/** What is opened by a click: a part of its own, since nothing that comes before the first pair has one. */
import { Collapse } from '@mantine/core';
import { type ReactNode, useId, useState } from 'react';
import { Icon } from './Icon.tsx';
import styles from './surface.module.css';

export function Disclosure({
  label,
  children,
  open: openAtFirst = false,
}: {
  label: string;
  children: ReactNode;
  open?: boolean;
}) {
  const [open, setOpen] = useState(openAtFirst);
  const id = useId();
  return (
    <div>
      <button
        type="button"
        className={styles.disclosure}
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
      >
        <span data-open={open || undefined} className={styles.chevron}>
          <Icon name="more" />
        </span>
        {label}
      </button>
      <Collapse expanded={open} keepMounted={false}>
        <div id={id} className={styles.disclosed}>
          {children}
        </div>
      </Collapse>
    </div>
  );
}
