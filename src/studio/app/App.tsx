/** Providers around the shell. Routes live in the hash, so that any static host serves them. */
import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core';
import { useSyncExternalStore } from 'react';
import { Router } from 'wouter';
import { useHashLocation } from 'wouter/use-hash-location';
import { i18n, onLanguage } from '../languages/language.ts';
import { theme as themeKept } from '../store/persisted.ts';
import { Shell } from './Shell.tsx';
import { cssVariables, theme } from './theme.ts';

const colorScheme = localStorageColorSchemeManager({ key: themeKept.key });

export function App() {
  const language = useSyncExternalStore(onLanguage, () => i18n.locale);
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      colorSchemeManager={colorScheme}
      defaultColorScheme={themeKept.initial}
    >
      {/* In another language everything is said anew. */}
      <Router key={language} hook={useHashLocation}>
        <Shell />
      </Router>
    </MantineProvider>
  );
}
