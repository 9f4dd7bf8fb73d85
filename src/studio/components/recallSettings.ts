/** Takes over the settings of a picture, and says what of them is not on the Generate screen. */
import { t } from '@lingui/core/macro';
import type { ImageRecord } from '../../service/types.ts';
import type { Recall } from '../store/generateSlice.ts';
import { useStudio } from '../store/useStudio.ts';
import { toast } from './toast.ts';

export function recallSettings(parameters: Partial<ImageRecord>, what: Recall): void {
  const arithmetic = useStudio.getState().recall(parameters, what);
  switch (arithmetic) {
    case null:
      return;
    case 'f16':
      return toast(t`Pictures are drawn in 16 bits (f16) from now on`, t`As this one was. The switch is in Settings.`);
    case 'f32':
      return toast(t`Pictures are drawn in 32 bits from now on`, t`As this one was. The switch is in Settings.`);
    case 'lacking':
      return toast(
        t`This picture was drawn in 16 bits (f16)`,
        t`This GPU does not offer it (shader-f16). Drawn again in 32 bits, its colours come out a little different.`,
      );
    default:
      return arithmetic satisfies never;
  }
}
