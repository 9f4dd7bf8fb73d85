/** Library: every image made here with its parameters, the pairs of here and elsewhere with their labels, the runs with their verdicts. */
import { t } from '@lingui/core/macro';
import { useLocation } from 'wouter';
import { Segmented } from '../../components/Fields.tsx';
import { Page } from '../../components/Surface.tsx';
import { printBytes } from '../../components/words.ts';
import { type Studio, useStudio } from '../../store/useStudio.ts';
import { Images } from './Images.tsx';
import { Pairs } from './Pairs.tsx';
import { Runs } from './Runs.tsx';

type Part = 'images' | 'pairs' | 'runs';

function storageInWords({ usageBytes, quotaBytes, persisted }: NonNullable<Studio['storage']>): string {
  const used = printBytes(usageBytes);
  const all = printBytes(quotaBytes);
  return persisted
    ? t`${used} used of ${all}; kept until you delete it.`
    : t`${used} used of ${all}; the browser may clear it when the disk is full.`;
}

export function LibraryScreen() {
  const [location, navigate] = useLocation();
  const told = location.split('/')[2];
  const part: Part = told === 'pairs' || told === 'runs' ? told : 'images';
  const images = useStudio((s) => s.images.length);
  const pairs = useStudio((s) => s.pairs.length);
  const runs = useStudio((s) => s.runs.length);
  const storage = useStudio((s) => s.storage);
  return (
    <Page title={t`Library`} wide lead={storage ? storageInWords(storage) : undefined}>
      <div>
        <Segmented
          label={t({ message: 'What', comment: 'is listed' })}
          value={part}
          onChange={(next) => navigate(next === 'images' ? '/library' : `/library/${next}`, { replace: true })}
          options={[
            { value: 'images', label: t`Images ${images}` },
            { value: 'pairs', label: t`Pairs ${pairs}` },
            { value: 'runs', label: t`Runs ${runs}` },
          ]}
        />
      </div>
      {part === 'images' ? <Images /> : part === 'pairs' ? <Pairs /> : <Runs />}
    </Page>
  );
}
