/** The screens in the order of the loop; then what it works with and what it leaves. The first pair waits for Start alone. */
import type { MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
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
  title: MessageDescriptor;
  icon: IconName;
  /** After `g`. */
  key: string;
  screen: ComponentType | InChunk;
}

export const routes: readonly Route[] = [
  {
    path: '/',
    title: msg({ message: 'Start', comment: 'a screen: where one begins' }),
    icon: 'start',
    key: 's',
    screen: StartScreen,
  },
  {
    path: '/generate',
    title: msg({ message: 'Generate', comment: 'a screen, and what is done there: pictures are made' }),
    icon: 'generate',
    key: 'g',
    screen: Generate,
  },
  {
    path: '/label',
    title: msg({
      message: 'Label',
      context: 'screen',
      comment: 'what is done there: of two pictures, the better one is named',
    }),
    icon: 'label',
    key: 'l',
    screen: Label,
  },
  {
    path: '/train',
    title: msg({ message: 'Train', comment: 'a screen, and what is done there: the model learns' }),
    icon: 'train',
    key: 't',
    screen: Train,
  },
  {
    path: '/compare',
    title: msg({
      message: 'Compare',
      comment: 'a screen, and what is done there: models are held against one another',
    }),
    icon: 'compare',
    key: 'c',
    screen: Compare,
  },
  { path: '/models', title: msg`Models`, icon: 'models', key: 'm', screen: Models },
  { path: '/data', title: msg`Data`, icon: 'data', key: 'd', screen: Data },
  { path: '/library', title: msg`Library`, icon: 'library', key: 'b', screen: Library },
  { path: '/settings', title: msg`Settings`, icon: 'settings', key: 'o', screen: Settings },
];
