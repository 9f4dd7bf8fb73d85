/** One prompt through a run's checkpoints: a column a step, a row a seed. */
import { Button } from '../../components/Button.tsx';
import { Select } from '../../components/Fields.tsx';
import { Picture } from '../../components/Picture.tsx';
import { Empty } from '../../components/Surface.tsx';
import { plural } from '../../components/words.ts';
import { gridModels, pictureIn } from '../../store/compareSelectors.ts';
import { namedRuns } from '../../store/models.ts';
import { useStudio } from '../../store/useStudio.ts';
import { useModelHashes } from './modelHashes.ts';
import styles from './compare.module.css';

export function EvolutionGrid() {
  const runs = useStudio(namedRuns);
  const gridRun = useStudio((s) => s.gridRun);
  const prompt = useStudio((s) => s.comparePrompts[s.comparePosition.prompt] ?? '');
  const seeds = useStudio((s) => s.compareSeeds);
  const ready = useStudio((s) => s.engineState === 'ready');
  const working = useStudio((s) => s.comparing);
  const find = useStudio(pictureIn);
  const { setCompare, makeGrid, moveCompare } = useStudio.getState();
  const choices = runs.filter((run) => run.checkpoints.length > 0);
  const run = choices.find((one) => one.id === gridRun);
  const columns = run ? gridModels(run) : [];
  const known = useModelHashes(columns.map(({ model }) => model));
  if (!choices.length) {
    return (
      <Empty icon="train" title="No run to follow yet" actions={<Button href="#/train">Go to Train</Button>}>
        The grid shows how one prompt changes from checkpoint to checkpoint.
      </Empty>
    );
  }
  const missing = columns.reduce(
    (sum, { model }) => sum + seeds.filter((seed) => !find(model, prompt, seed)).length,
    0,
  );
  return (
    <div className="stack">
      <div className={styles.gridHead}>
        <Select
          label="Run"
          value={gridRun}
          onChange={(id) => setCompare({ gridRun: id })}
          options={choices.map(({ id, name }) => ({ value: id, label: name }))}
        />
        <div className={styles.gridPrompt}>
          <Button icon="left" look="quiet" onClick={() => moveCompare({ prompt: -1 })}>
            Previous
          </Button>
          <strong>{prompt}</strong>
          <Button icon="right" look="quiet" onClick={() => moveCompare({ prompt: 1 })}>
            Next
          </Button>
        </div>
        {missing > 0 && run && known ? (
          <Button look="primary" disabled={!ready || working} onClick={makeGrid}>
            Make {plural(missing, 'image')}
          </Button>
        ) : null}
      </div>
      {run ? (
        <div className={styles.gridScroll}>
          <table className={styles.grid}>
            <thead>
              <tr>
                <th scope="col">Seed</th>
                {columns.map(({ step }) => (
                  <th key={step} scope="col" className="number">
                    {step === 0 ? 'base' : `step ${step}`}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {seeds.map((seed) => (
                <tr key={seed}>
                  <th scope="row" className="number">
                    {seed}
                  </th>
                  {columns.map(({ step, model }) => (
                    <td key={step}>
                      <Picture
                        file={find(model, prompt, seed)?.file}
                        alt={`${prompt}, seed ${seed}, ${step === 0 ? 'base' : `step ${step}`}`}
                      />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
    </div>
  );
}
