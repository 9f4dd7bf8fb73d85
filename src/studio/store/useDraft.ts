import { useShallow } from 'zustand/react/shallow';
import type { GenerateDraft } from './generateSlice.ts';
import { useStudio } from './useStudio.ts';

/** Some fields of the draft: the component is drawn again when one of them changes. */
export const useDraft = <Name extends keyof GenerateDraft>(...names: Name[]): Pick<GenerateDraft, Name> =>
  useStudio(
    useShallow(
      ({ draft }) => Object.fromEntries(names.map((name) => [name, draft[name]])) as Pick<GenerateDraft, Name>,
    ),
  );
