/** Around every screen: the rail (below on a phone), the bar with what is at work, the run dock, the keys. */
import { i18n } from '@lingui/core';
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useEffect, useState } from 'react';
import { Link, Route as RoutePath, Switch as RouteSwitch, useLocation } from 'wouter';
import type { Action } from '../components/action.ts';
import { Button } from '../components/Button.tsx';
import { ErrorBoundary } from '../components/ErrorBoundary.tsx';
import { Icon } from '../components/Icon.tsx';
import { inChunk } from '../components/inChunk.tsx';
import { Shortcuts } from '../components/Shortcuts.tsx';
import { Empty } from '../components/Surface.tsx';
import { isStudying } from '../store/blindSlice.ts';
import { useStudio } from '../store/useStudio.ts';
import { type Route, routes } from './routes.tsx';
import { useScreenTop } from './useScreenTop.ts';
import { RunDock } from './RunDock.tsx';
import styles from './shell.module.css';
import { TopBar } from './TopBar.tsx';

const KeyHelp = inChunk(async () => (await import('./KeyHelp.tsx')).KeyHelp);
const Palette = inChunk(async () => (await import('./Palette.tsx')).Palette);
const DropZone = inChunk(async () => (await import('./DropZone.tsx')).DropZone);
const TabTitle = inChunk(async () => (await import('./TabTitle.tsx')).TabTitle);
const Banners = inChunk(async () => (await import('./Banners.tsx')).Banners);
const Toasts = inChunk(async () => (await import('./Toasts.tsx')).Toasts);

export function Shell() {
  const [location, navigate] = useLocation();
  const [helpOpen, setHelpOpen] = useState(false);
  const studying = useStudio(isStudying);
  const later = useStudio((s) => s.firstShown);
  return (
    <>
      {later ? (
        <>
          <TabTitle />
          <Toasts />
        </>
      ) : null}
      {studying ? (
        <Study />
      ) : (
        <Places location={location} navigate={navigate} helpOpen={helpOpen} setHelpOpen={setHelpOpen} />
      )}
    </>
  );
}

/** Somebody else judges: nothing of models, runs and settings is on screen, and no key leads there. */
function Study() {
  const [location, navigate] = useLocation();
  // The address of a comparison is made of its models.
  useEffect(() => {
    if (location !== '/compare') navigate('/compare', { replace: true });
  }, [location, navigate]);
  const Screen = routes.find(({ path }) => path === '/compare')!.screen;
  return (
    <div className={styles.body}>
      <main id="main" tabIndex={-1} className={styles.main}>
        <ErrorBoundary resetKey="study">
          <Screen />
        </ErrorBoundary>
      </main>
    </div>
  );
}

/** A screen, or something on it. */
const isAt = (location: string, path: string): boolean =>
  location === path || (path !== '/' && location.startsWith(`${path}/`));

/** So that each shows at once. What does not come is asked for again by whoever opens it, and said there. */
async function loadScreens(): Promise<void> {
  for (const { screen } of routes) if ('load' in screen) await screen.load().catch(() => undefined);
}

const firstApart = routes.findIndex(({ path }) => path === '/models');
/** The loop; then what it works with and what it leaves. */
const [loop, apart] = [routes.slice(0, firstApart), routes.slice(firstApart)];

function RailLink({ route: { path, title, icon }, location }: { route: Route; location: string }) {
  return (
    <Link href={path} className={styles.place!} aria-current={isAt(location, path) ? 'page' : undefined}>
      <Icon name={icon} size={21} />
      <span>{i18n._(title)}</span>
    </Link>
  );
}

function Places({
  location,
  navigate,
  helpOpen,
  setHelpOpen,
}: {
  location: string;
  navigate: (to: string) => void;
  helpOpen: boolean;
  setHelpOpen: (open: boolean) => void;
}) {
  const later = useStudio((s) => s.firstShown);
  // One after the other, so that whichever is asked for now need not wait for all.
  useEffect(() => {
    if (!later) return;
    void loadScreens();
    // What is typed after its keys goes into it.
    Palette.load().catch(() => undefined);
  }, [later]);
  useScreenTop(location);
  const [moreOpen, setMoreOpen] = useState(false);
  const [paletteOpen, setPaletteOpen] = useState(false);
  useEffect(() => setMoreOpen(false), [location]);
  const actions: Action[] = [
    ...routes.map(({ path, title, key }) => {
      const screen = i18n._(title);
      return {
        name: `go${path}`,
        label: t({ message: `Go to ${screen}`, comment: 'Generate, for example' }),
        keys: `g>${key}`,
        perform: () => navigate(path),
      };
    }),
    { name: 'palette', label: t`Find a command`, keys: 'mod+k', perform: () => setPaletteOpen(true) },
    { name: 'help', label: t`Show all keys`, keys: '?', typed: true, perform: () => setHelpOpen(true) },
  ];
  return (
    <div className={styles.shell}>
      <a
        className={styles.skip}
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById('main')?.focus();
        }}
      >
        <Trans>Skip to the screen</Trans>
      </a>
      <Shortcuts
        title={t({ message: 'Everywhere', comment: 'a heading: keys that work on every screen' })}
        actions={actions}
      />
      <nav className={styles.rail} aria-label={t({ message: 'Screens', comment: 'parts of the studio' })}>
        <span className={styles.mark}>
          <img src="./icon.svg" alt="" width={34} height={34} />
          <span>Winnow</span>
        </span>
        {loop.map((route) => (
          <RailLink key={route.path} route={route} location={location} />
        ))}
        <button
          type="button"
          className={`${styles.place} ${styles.moreButton}`}
          aria-expanded={moreOpen}
          aria-controls="apart"
          data-current={apart.some(({ path }) => isAt(location, path)) || undefined}
          onClick={() => setMoreOpen(!moreOpen)}
        >
          <Icon name="list" size={21} />
          <span>
            <Trans>Menu</Trans>
          </span>
        </button>
        <div id="apart" className={styles.apart} data-open={moreOpen || undefined}>
          {apart.map((route) => (
            <RailLink key={route.path} route={route} location={location} />
          ))}
        </div>
      </nav>
      <div className={styles.body}>
        <TopBar onFind={() => setPaletteOpen(true)} onHelp={() => setHelpOpen(true)} />
        {later ? <Banners /> : null}
        <main id="main" tabIndex={-1} className={styles.main}>
          <ErrorBoundary resetKey={location}>
            <RouteSwitch>
              {routes.map(({ path, screen }) => (
                <RoutePath key={path} path={path === '/' ? path : `${path}/*?`} component={screen} />
              ))}
              <RoutePath>
                <Empty
                  icon="help"
                  title={t`There is no such screen`}
                  actions={
                    <Button href="#/">
                      <Trans>Go to the start</Trans>
                    </Button>
                  }
                />
              </RoutePath>
            </RouteSwitch>
          </ErrorBoundary>
        </main>
        <RunDock />
      </div>
      {paletteOpen ? <Palette onClose={() => setPaletteOpen(false)} /> : null}
      {later ? (
        <>
          <KeyHelp open={helpOpen} onClose={() => setHelpOpen(false)} />
          <DropZone />
        </>
      ) : null}
    </div>
  );
}
