/** The page: styles, the store's start, React. */
import '../../shared/noEval.ts';
import '@mantine/core/styles.layer.css';
import '@mantine/notifications/styles.layer.css';
import './drops.ts';
import './global.css';
import './forcedColors.css';
import { createRoot } from 'react-dom/client';
import { keepDrafts, restoreDrafts } from '../store/drafts.ts';
import { fitPreset } from '../store/fitPreset.ts';
import { useStudio } from '../store/useStudio.ts';
import { languageFor, speak } from '../languages/language.ts';
import { App } from './App.tsx';

function start(): void {
  restoreDrafts();
  keepDrafts();
  fitPreset();
  useStudio.getState().keepOffline();
  void useStudio.getState().boot();
  createRoot(document.getElementById('root')!).render(<App />);
}

// Where a language does not come, the page is in English.
void speak(languageFor(useStudio.getState().preferences.language)).then(start, start);
