/** A preset goes by how many pairs there are to learn from: as they change, so do its settings. Own settings stay as they are. */
import { usable } from './labelSelectors.ts';
import { useStudio } from './useStudio.ts';

/** @returns what ends it. */
export function fitPreset(): () => void {
  let pairs = -1;
  return useStudio.subscribe((now) => {
    const { own } = usable(now);
    if (own === pairs || now.models.length === 0) return;
    pairs = own;
    if (now.presetName !== null) now.choosePreset(now.presetName);
  });
}
