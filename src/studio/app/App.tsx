/** Providers around the shell. Routes live in the hash, so that any static host serves them. */
import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core';
import { i18n } from '@lingui/core';
import { I18nProvider, useLingui } from '@lingui/react';
import { Router } from 'wouter';
import { useHashLocation } from 'wouter/use-hash-location';
import { theme as themeKept } from '../store/persisted.ts';
import { Shell } from './Shell.tsx';
import { cssVariables, theme } from './theme.ts';

const colorScheme = localStorageColorSchemeManager({ key: themeKept.key });

export function App() {
  return (
    <I18nProvider i18n={i18n}>
      <Themed />
    </I18nProvider>
  );
}

function Themed() {
  const { i18n: spoken } = useLingui();
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      colorSchemeManager={colorScheme}
      defaultColorScheme={themeKept.initial}
    >
      {/* In another language everything is said anew. */}
      <Router key={spoken.locale} hook={useHashLocation}>
        <Shell />
      </Router>
    </MantineProvider>
  );
}
