/** Panels, notices, progress: the quiet furniture around the images. */
import { type ReactNode, useId } from 'react';
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
