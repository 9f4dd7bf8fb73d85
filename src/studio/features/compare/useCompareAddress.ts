import { useEffect } from 'react';
import { useLocation } from 'wouter';
import { comparisonAddress, comparisonAt } from '../../store/compareAddress.ts';
import { useStudio } from '../../store/useStudio.ts';

/** As it is written: the router would decode some of it. */
const written = (): string => location.hash.replace(/^#\/?compare\/?/, '');

/** Keeps what is compared in the address, and takes it from there: Back, reload and bookmarks lead to it. */
export function useCompareAddress(): void {
  const [place, navigate] = useLocation();
  const address = useStudio(comparisonAddress);
  const models = useStudio((s) => JSON.stringify([s.compareA, s.compareB]));
  useEffect(() => {
    if (!/^\/compare(\/|$)/.test(place)) return;
    const now = useStudio.getState();
    const asked = written();
    if (asked === '' || asked === comparisonAddress(now)) return;
    const found = comparisonAt(asked, now);
    if (found) useStudio.setState(found);
  }, [place]);
  useEffect(() => {
    const now = comparisonAddress(useStudio.getState());
    const asked = written();
    if (now === '' || now === asked || !location.hash.startsWith('#/compare')) return;
    const before = comparisonAt(asked, useStudio.getState());
    const sameModels = !before || JSON.stringify([before.compareA, before.compareB]) === models;
    // Another comparison is another place to come back to; the next prompt is not.
    navigate(`/compare/${now}`, { replace: sameModels });
  }, [address, models, navigate]);
}
