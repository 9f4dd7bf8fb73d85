/** Library: every image made here with its parameters, the pairs of here and elsewhere with their labels, the runs with their verdicts. */
import { useLocation } from 'wouter';
import { Segmented } from '../../components/Fields.tsx';
import { Page } from '../../components/Surface.tsx';
import { printBytes } from '../../components/words.ts';
import { useStudio } from '../../store/useStudio.ts';
import { Images } from './Images.tsx';
import { Pairs } from './Pairs.tsx';
import { Runs } from './Runs.tsx';

type Part = 'images' | 'pairs' | 'runs';

export function LibraryScreen() {
  const [location, navigate] = useLocation();
  const told = location.split('/')[2];
  const part: Part = told === 'pairs' || told === 'runs' ? told : 'images';
  const images = useStudio((s) => s.images.length);
  const pairs = useStudio((s) => s.pairs.length);
  const runs = useStudio((s) => s.runs.length);
  const storage = useStudio((s) => s.storage);
  return (
    <Page
      title="Library"
      wide
      lead={
        storage
          ? `${printBytes(storage.usageBytes)} used of ${printBytes(storage.quotaBytes)}; ${storage.persisted ? 'kept until you delete it' : 'the browser may clear it when the disk is full'}.`
          : undefined
      }
    >
      <div>
        <Segmented
          label="What"
          value={part}
          onChange={(next) => navigate(next === 'images' ? '/library' : `/library/${next}`, { replace: true })}
          options={[
            { value: 'images', label: `Images ${images}` },
            { value: 'pairs', label: `Pairs ${pairs}` },
            { value: 'runs', label: `Runs ${runs}` },
          ]}
        />
      </div>
      {part === 'images' ? <Images /> : part === 'pairs' ? <Pairs /> : <Runs />}
    </Page>
  );
}
