/** The run at work, on every screen but Train: it stays in sight and in reach. */
import { useLocation } from 'wouter';
import { inChunk } from '../components/inChunk.tsx';
import { useStudio } from '../store/useStudio.ts';

const Dock = inChunk(async () => (await import('./Dock.tsx')).Dock);

export function RunDock() {
  const [location] = useLocation();
  const active = useStudio((s) => s.activeRun !== null);
  return active && !/^\/train(\/|$)/.test(location) ? <Dock /> : null;
}
