import { useStudio } from '../store/useStudio.ts';
import { plural } from './words.ts';
import { toast } from './toast.ts';

/** Takes in somebody's labels of the pairs that are here, and says what came of it. Rejects with what is wrong with the file. */
export async function addLabelFile(file: File): Promise<void> {
  const { added, ofOthers, notes } = await useStudio.getState().addLabels(file);
  toast(
    added ? `${plural(added, 'label event')} of ${file.name} added` : `Nothing new in ${file.name}`,
    [...notes, ofOthers ? `${plural(ofOthers, 'label')} about pairs that are not here left out.` : '']
      .filter(Boolean)
      .join(' '),
  );
}
