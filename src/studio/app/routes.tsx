/** The screens in the order of the loop; then what it works with and what it leaves. The first pair waits for Start alone. */
import type { ComponentType } from 'react';
import type { IconName } from '../components/Icon.tsx';
import { inChunk, type InChunk } from '../components/inChunk.tsx';
import { StartScreen } from '../features/start/StartScreen.tsx';

const Generate = inChunk(async () => (await import('../features/generate/GenerateScreen.tsx')).GenerateScreen);
const Label = inChunk(async () => (await import('../features/label/LabelScreen.tsx')).LabelScreen);
const Train = inChunk(async () => (await import('../features/train/TrainScreen.tsx')).TrainScreen);
const Compare = inChunk(async () => (await import('../features/compare/CompareScreen.tsx')).CompareScreen);
const Models = inChunk(async () => (await import('../features/models/ModelsScreen.tsx')).ModelsScreen);
const Data = inChunk(async () => (await import('../features/data/DataScreen.tsx')).DataScreen);
const Library = inChunk(async () => (await import('../features/library/LibraryScreen.tsx')).LibraryScreen);
const Settings = inChunk(async () => (await import('../features/settings/SettingsScreen.tsx')).SettingsScreen);

export interface Route {
  path: string;
  title: string;
  icon: IconName;
  /** After `g`. */
  key: string;
  screen: ComponentType | InChunk;
}

export const routes: readonly Route[] = [
  { path: '/', title: 'Start', icon: 'start', key: 's', screen: StartScreen },
  { path: '/generate', title: 'Generate', icon: 'generate', key: 'g', screen: Generate },
  { path: '/label', title: 'Label', icon: 'label', key: 'l', screen: Label },
  { path: '/train', title: 'Train', icon: 'train', key: 't', screen: Train },
  { path: '/compare', title: 'Compare', icon: 'compare', key: 'c', screen: Compare },
  { path: '/models', title: 'Models', icon: 'models', key: 'm', screen: Models },
  { path: '/data', title: 'Data', icon: 'data', key: 'd', screen: Data },
  { path: '/library', title: 'Library', icon: 'library', key: 'b', screen: Library },
  { path: '/settings', title: 'Settings', icon: 'settings', key: 'o', screen: Settings },
];
