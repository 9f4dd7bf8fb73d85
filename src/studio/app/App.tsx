/** Providers around the shell. Routes live in the hash, so that any static host serves them. */
import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core';
import { Router } from 'wouter';
import { useHashLocation } from 'wouter/use-hash-location';
import { theme as themeKept } from '../store/persisted.ts';
import { Shell } from './Shell.tsx';
import { cssVariables, theme } from './theme.ts';

const colorScheme = localStorageColorSchemeManager({ key: themeKept.key });

export function App() {
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      colorSchemeManager={colorScheme}
      defaultColorScheme={themeKept.initial}
    >
      <Router hook={useHashLocation}>
        <Shell />
      </Router>
    </MantineProvider>
  );
}
