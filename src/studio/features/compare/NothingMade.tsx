/** Before there is anything to compare. */
import { t } from '@lingui/core/macro';
import { Empty } from '../../components/Surface.tsx';
import { areSame } from '../../store/compareSelectors.ts';
import { useStudio } from '../../store/useStudio.ts';

export function NothingMade() {
  const same = useStudio(areSame);
  return (
    <Empty icon="compare" title={same ? t`Two different models, please` : t`Nothing to see yet`}>
      {same
        ? t`Choose what stands on each side above.`
        : t`Make the images above. Both sides get the same prompts, seeds and settings.`}
    </Empty>
  );
}
