/** The studio's one store, made of slices. Components read from it and call its verbs; nothing else changes state. */
import { create, type StateCreator } from 'zustand';
import { type CompareSlice, compareSlice } from './compareSlice.ts';
import { type ComparedScoresSlice, comparedScoresSlice } from './comparedScoresSlice.ts';
import { type BlindSlice, blindSlice } from './blindSlice.ts';
import { type EngineSlice, engineSlice } from './engineSlice.ts';
import { type GenerateSlice, generateSlice } from './generateSlice.ts';
import { type ImportSlice, importSlice } from './importSlice.ts';
import { type JobsSlice, jobsSlice } from './jobsSlice.ts';
import { type JudgesSlice, judgesSlice } from './judgesSlice.ts';
import { type LabelsSlice, labelsSlice } from './labelsSlice.ts';
import { type LibrarySlice, librarySlice } from './librarySlice.ts';
import { type MarginsSlice, marginsSlice } from './marginsSlice.ts';
import { type ModelsSlice, modelsSlice } from './modelsSlice.ts';
import { type OfflineSlice, offlineSlice } from './offlineSlice.ts';
import { type PreferencesSlice, preferencesSlice } from './preferencesSlice.ts';
import { type ProjectSlice, projectSlice } from './projectSlice.ts';
import { type RatersSlice, ratersSlice } from './ratersSlice.ts';
import { type RoundsSlice, roundsSlice } from './roundsSlice.ts';
import { type TakeAwaySlice, takeAwaySlice } from './takeAwaySlice.ts';
import { type TrainSlice, trainSlice } from './trainSlice.ts';
import { type WaitingSlice, waitingSlice } from './waitingSlice.ts';

export type Studio = EngineSlice &
  ModelsSlice &
  JobsSlice &
  LabelsSlice &
  JudgesSlice &
  ImportSlice &
  ProjectSlice &
  RatersSlice &
  GenerateSlice &
  TrainSlice &
  WaitingSlice &
  MarginsSlice &
  RoundsSlice &
  CompareSlice &
  ComparedScoresSlice &
  BlindSlice &
  LibrarySlice &
  TakeAwaySlice &
  OfflineSlice &
  PreferencesSlice;

export type Slice<Part> = StateCreator<Studio, [], [], Part>;

export const useStudio = create<Studio>()((...store) => ({
  ...preferencesSlice(...store),
  ...engineSlice(...store),
  ...modelsSlice(...store),
  ...jobsSlice(...store),
  ...labelsSlice(...store),
  ...judgesSlice(...store),
  ...importSlice(...store),
  ...projectSlice(...store),
  ...ratersSlice(...store),
  ...generateSlice(...store),
  ...trainSlice(...store),
  ...waitingSlice(...store),
  ...marginsSlice(...store),
  ...roundsSlice(...store),
  ...compareSlice(...store),
  ...comparedScoresSlice(...store),
  ...blindSlice(...store),
  ...librarySlice(...store),
  ...takeAwaySlice(...store),
  ...offlineSlice(...store),
}));
