import { plural, t } from '@lingui/core/macro';
import { useStudio } from '../store/useStudio.ts';
import { toast } from './toast.ts';

/** Takes in somebody's labels of the pairs that are here, and says what came of it. Rejects with what is wrong with the file. */
export async function addLabelFile(file: File): Promise<void> {
  const { added, ofOthers, notes } = await useStudio.getState().addLabels(file);
  const { name } = file;
  const leftOut = plural(ofOthers, {
    one: `${ofOthers} label about pairs that are not here left out.`,
    other: `${ofOthers} labels about pairs that are not here left out.`,
  });
  toast(
    added
      ? t`${plural(added, { one: `${added} label event`, other: `${added} label events` })} of ${name} added`
      : t`Nothing new in ${name}`,
    [...notes, ofOthers ? leftOut : ''].filter(Boolean).join(' '),
  );
}
