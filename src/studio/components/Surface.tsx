/** Panels, notices, progress: the quiet furniture around the images. */
import { t } from '@lingui/core/macro';
import { Collapse, Progress as MantineProgress } from '@mantine/core';
import { type ReactNode, useId, useState } from 'react';
import type { Problem } from '../store/problem.ts';
import { Icon, type IconName } from './Icon.tsx';
import styles from './surface.module.css';

export function Page({
  title,
  lead,
  actions,
  children,
  wide,
}: {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  wide?: boolean;
}) {
  return (
    <div className={styles.page} data-wide={wide || undefined}>
      <header className={styles.pageHead}>
        <div>
          <h1>{title}</h1>
          {lead ? <p className="dim">{lead}</p> : null}
        </div>
        {actions ? <div className="row">{actions}</div> : null}
      </header>
      {children}
    </div>
  );
}

export function Panel({
  title,
  aside,
  children,
  flush,
}: {
  title?: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
  flush?: boolean;
}) {
  const id = useId();
  return (
    <section className={styles.panel} data-flush={flush || undefined} {...(title ? { 'aria-labelledby': id } : {})}>
      {title ? (
        <div className={`spread ${styles.panelHead}`}>
          <h2 id={id}>{title}</h2>
          {aside}
        </div>
      ) : null}
      {children}
    </section>
  );
}

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

export function Notice({
  tone = 'info',
  title,
  children,
  actions,
}: {
  tone?: 'info' | 'good' | 'warn' | 'bad';
  title?: string;
  children?: ReactNode;
  actions?: ReactNode;
}) {
  const icons: Record<typeof tone, IconName> = { info: 'info', good: 'check', warn: 'warn', bad: 'warn' };
  return (
    <div className={styles.notice} data-tone={tone} role={tone === 'bad' ? 'alert' : undefined}>
      <Icon name={icons[tone]} size={20} />
      <div className={styles.noticeText}>
        {title ? <strong>{title}</strong> : null}
        {children ? <div>{children}</div> : null}
      </div>
      {actions ? <div className="row">{actions}</div> : null}
    </div>
  );
}

export function ProblemNotice({
  problem,
  title,
  actions,
}: {
  problem: Problem | null;
  title?: string;
  actions?: ReactNode;
}) {
  if (!problem) return null;
  return (
    <Notice tone="bad" {...(title && { title })} actions={actions}>
      {problem.message}
    </Notice>
  );
}

/** @param value 0 to 1; null while it is not known how long it takes. */
export function Progress({ label, value }: { label: string; value: number | null }) {
  return (
    <MantineProgress.Root size="sm" radius="xl">
      <MantineProgress.Section
        value={value === null ? 100 : Math.max(1, value * 100)}
        animated={value === null}
        striped={value === null}
        color="var(--accent-strong)"
        aria-label={label}
        {...(value === null ? { 'aria-valuetext': t`working` } : {})}
      />
    </MantineProgress.Root>
  );
}

export function Empty({
  icon,
  title,
  children,
  actions,
}: {
  icon: IconName;
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
}) {
  return (
    <div className={styles.empty}>
      <Icon name={icon} size={34} />
      <h2>{title}</h2>
      {children ? <p className="dim">{children}</p> : null}
      {actions ? <div className="row">{actions}</div> : null}
    </div>
  );
}

export function Tag({ children, tone }: { children: ReactNode; tone?: 'accent' | 'good' | 'bad' | undefined }) {
  return (
    <span className={styles.tag} data-tone={tone}>
      {children}
    </span>
  );
}
