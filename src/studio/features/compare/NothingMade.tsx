/** Before there is anything to compare. */
import { Empty } from '../../components/Surface.tsx';
import { areSame } from '../../store/compareSelectors.ts';
import { useStudio } from '../../store/useStudio.ts';

export function NothingMade() {
  const same = useStudio(areSame);
  return (
    <Empty icon="compare" title={same ? 'Two different models, please' : 'Nothing to see yet'}>
      {same
        ? 'Choose what stands on each side above.'
        : 'Make the images above. Both sides get the same prompts, seeds and settings.'}
    </Empty>
  );
}
