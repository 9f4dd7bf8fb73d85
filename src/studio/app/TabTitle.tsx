/** The tab's title says what is at work, and, to whoever looks elsewhere, what has ended; a notification does, where it is wanted. */
import { i18n } from '@lingui/core';
import { useEffect, useState } from 'react';
import { useLocation } from 'wouter';
import { atWorkInWords, type Ended, endedBetween } from '../store/ends.ts';
import { isStudying } from '../store/blindSlice.ts';
import { useStudio } from '../store/useStudio.ts';
import { routes } from './routes.tsx';

export function TabTitle() {
  const [location] = useLocation();
  const working = useStudio(atWorkInWords);
  const [ended, setEnded] = useState<Ended | null>(null);
  const screen = routes.find(({ path }) => path !== '/' && (location === path || location.startsWith(`${path}/`)));
  const studying = useStudio(isStudying);
  const parts = [ended ? `✓ ${ended.title}` : working, screen && i18n._(screen.title), 'Winnow'];

  useEffect(() => {
    let runningSince: number | null = useStudio.getState().activeRun === null ? null : Date.now();
    return useStudio.subscribe((now, before) => {
      const at = Date.now();
      const end = endedBetween(before, now, runningSince, at);
      if (now.activeRun !== before.activeRun) runningSince = now.activeRun === null ? null : at;
      if (!end || document.visibilityState === 'visible') return;
      setEnded(end);
      if (now.preferences.notify && !isStudying(now)) notify(end);
    });
  }, []);

  useEffect(() => {
    const seen = (): void => {
      if (document.visibilityState === 'visible') setEnded(null);
    };
    document.addEventListener('visibilitychange', seen);
    return () => document.removeEventListener('visibilitychange', seen);
  }, []);

  // Nothing of runs and screens before the end.
  const title = studying ? 'Winnow' : parts.filter(Boolean).join(' · ');
  useEffect(() => {
    document.title = title;
  }, [title]);
  return null;
}

function notify({ title, body }: Ended): void {
  if (!('Notification' in globalThis) || Notification.permission !== 'granted') return;
  try {
    const note = new Notification(title, { body, icon: './icon.svg', tag: 'winnow' });
    note.addEventListener('click', () => {
      focus();
      note.close();
    });
  } catch {
    // Browsers of phones have them from service workers only: the title says it all the same.
  }
}
