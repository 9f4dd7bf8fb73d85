/** Another screen, and another run, begins at its top. Where Back or Forward leads to one, the browser brings it to where it was. */
import { useEffect, useLayoutEffect, useRef } from 'react';

/** @param location the path in the address; the rest of another screen's own path does not count. */
export function useScreenTop(location: string): void {
  const [, first] = location.split('/');
  const screen = first === 'train' ? location : first;
  const byHistory = useRef(true);
  useEffect(() => {
    // Where a browser says how it came to an address; a link to another fragment fires popstate, too.
    const { navigation } = globalThis as { navigation?: EventTarget };
    const came = (event: Event): void => {
      byHistory.current = !navigation || (event as Event & { navigationType: string }).navigationType === 'traverse';
    };
    const [from, name] = navigation ? [navigation, 'navigate'] : [globalThis, 'popstate'];
    from.addEventListener(name, came);
    return () => from.removeEventListener(name, came);
  }, []);
  useLayoutEffect(() => {
    // The first one, too, may be a page that was reloaded.
    if (!byHistory.current) scrollTo(0, 0);
    byHistory.current = false;
  }, [screen]);
}
