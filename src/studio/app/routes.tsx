/** The screens in the order of the loop; then what it works with and what it leaves. */
import type { ComponentType } from 'react';
import type { IconName } from '../components/Icon.tsx';
import { CompareScreen } from '../features/compare/CompareScreen.tsx';
import { DataScreen } from '../features/data/DataScreen.tsx';
import { GenerateScreen } from '../features/generate/GenerateScreen.tsx';
import { LabelScreen } from '../features/label/LabelScreen.tsx';
import { LibraryScreen } from '../features/library/LibraryScreen.tsx';
import { ModelsScreen } from '../features/models/ModelsScreen.tsx';
import { SettingsScreen } from '../features/settings/SettingsScreen.tsx';
import { StartScreen } from '../features/start/StartScreen.tsx';
import { TrainScreen } from '../features/train/TrainScreen.tsx';

export interface Route {
  path: string;
  title: string;
  icon: IconName;
  /** After `g`. */
  key: string;
  screen: ComponentType;
}

export const routes: readonly Route[] = [
  { path: '/', title: 'Start', icon: 'start', key: 's', screen: StartScreen },
  { path: '/generate', title: 'Generate', icon: 'generate', key: 'g', screen: GenerateScreen },
  { path: '/label', title: 'Label', icon: 'label', key: 'l', screen: LabelScreen },
  { path: '/train', title: 'Train', icon: 'train', key: 't', screen: TrainScreen },
  { path: '/compare', title: 'Compare', icon: 'compare', key: 'c', screen: CompareScreen },
  { path: '/models', title: 'Models', icon: 'models', key: 'm', screen: ModelsScreen },
  { path: '/data', title: 'Data', icon: 'data', key: 'd', screen: DataScreen },
  { path: '/library', title: 'Library', icon: 'library', key: 'b', screen: LibraryScreen },
  { path: '/settings', title: 'Settings', icon: 'settings', key: 'o', screen: SettingsScreen },
];
