import { t } from '@lingui/core/macro';
import { Select } from '../../components/Fields.tsx';
import { namedRuns } from '../../store/models.ts';
import { useStudio } from '../../store/useStudio.ts';

/** Whose checkpoints are looked at. */
export function RunChoice() {
  const runs = useStudio(namedRuns);
  const run = useStudio((s) => s.gridRun);
  const { setCompare } = useStudio.getState();
  return (
    <Select
      label={t({ message: 'Run', context: 'of training' })}
      value={run}
      onChange={(gridRun) => setCompare({ gridRun })}
      options={runs
        .filter(({ checkpoints }) => checkpoints.length > 0)
        .map(({ id, name }) => ({ value: id, label: name }))}
    />
  );
}
