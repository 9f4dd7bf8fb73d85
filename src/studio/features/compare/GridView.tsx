/** Pictures over any two of checkpoints, models, strengths, prompts, seeds and settings, with what stands along each side. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useMemo } from 'react';
import { Button, IconButton } from '../../components/Button.tsx';
import { Select, TextField } from '../../components/Fields.tsx';
import { Picture } from '../../components/Picture.tsx';
import { ScaleSwitch } from '../../components/ScaleSwitch.tsx';
import { axes, axisKinds, type AxisKind, axisOf, cellAt, type GridAxis, placesOf } from '../../store/compareGrid.ts';
import { pictureIn } from '../../store/compareSelectors.ts';
import { useStudio } from '../../store/useStudio.ts';
import { useModelHashes } from './modelHashes.ts';
import styles from './compare.module.css';
import { PromptTurn } from './PromptTurn.tsx';
import { RunChoice } from './RunChoice.tsx';
import { within } from '../../languages/language.ts';

export function GridView() {
  const [x, y] = [useStudio((s) => s.gridX), useStudio((s) => s.gridY)];
  const prompt = useStudio((s) => s.comparePrompts[s.comparePosition.prompt] ?? '');
  const seed = useStudio((s) => s.compareSeeds[s.comparePosition.seed]);
  const ready = useStudio((s) => s.engineState === 'ready');
  const working = useStudio((s) => s.comparing);
  const find = useStudio(pictureIn);
  // What places are made of.
  const [a, b, others] = [
    useStudio((s) => s.compareA),
    useStudio((s) => s.compareB),
    useStudio((s) => s.compareOthers),
  ];
  const [prompts, seeds] = [useStudio((s) => s.comparePrompts), useStudio((s) => s.compareSeeds)];
  const [run, runs] = [useStudio((s) => s.gridRun), useStudio((s) => s.runs)];
  const { setCompare, makeGrid } = useStudio.getState();
  const { columns, rows, cells } = useMemo(() => {
    const state = useStudio.getState();
    const [along, down] = [placesOf(x, state), placesOf(y, state)];
    return {
      columns: along,
      rows: down,
      cells: down.places.map((row) => along.places.map((column) => cellAt(column, row, state))),
    };
    // Read as they are in the store.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [x, y, a, b, others, prompts, seeds, prompt, seed, run, runs]);
  const all = cells.flat().filter((cell) => cell !== null);
  const known = useModelHashes(all.map(({ model }) => model));
  const pictureOf = (cell: (typeof all)[number] | null) =>
    cell ? find(cell.model, cell.prompt, cell.seed, cell.settings) : undefined;
  const missing = all.filter((cell) => !pictureOf(cell)).length;
  const kinds = [x.kind, y.kind];
  return (
    <div className="stack">
      <div className={styles.gridHead}>
        <AxisField
          name={t({ message: 'Across', comment: 'what stands along the columns of a grid' })}
          axis={x}
          problem={columns.problem}
          onChange={(gridX) => setCompare({ gridX })}
          other={y}
        />
        <IconButton icon="swap" label={t`Swap across and down`} onClick={() => setCompare({ gridX: y, gridY: x })} />
        <AxisField
          name={t({ message: 'Down', comment: 'what stands along the rows of a grid' })}
          axis={y}
          problem={rows.problem}
          onChange={(gridY) => setCompare({ gridY })}
          other={x}
        />
        {kinds.includes('checkpoint') ? <RunChoice /> : null}
        {missing > 0 && known ? (
          <Button look="primary" disabled={!ready || working} onClick={makeGrid}>
            {t`Make ${plural(missing, { one: `${missing} image`, other: `${missing} images` })}`}
          </Button>
        ) : null}
        <ScaleSwitch />
      </div>
      {kinds.includes('prompt') ? null : (
        <PromptTurn className={styles.gridPrompt}>
          {kinds.includes('seed') ? null : (
            <span className="dim number">
              <Trans>seed {seed}</Trans>
            </span>
          )}
        </PromptTurn>
      )}
      {columns.places.length && rows.places.length ? (
        <div className={styles.gridScroll}>
          <table className={styles.grid}>
            <thead>
              <tr>
                <td />
                {columns.places.map(({ label }) => (
                  <th key={label} scope="col" className="number">
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.places.map((row, down) => (
                <tr key={row.label}>
                  <th scope="row" className="number">
                    {row.label}
                  </th>
                  {columns.places.map((column, along) => {
                    const image = pictureOf(cells[down]![along]!);
                    return (
                      <td key={column.label}>
                        <Picture
                          file={image?.file}
                          alt={`${column.label}, ${row.label}`}
                          {...(image && { ratio: image.width / image.height })}
                        />
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
    </div>
  );
}

function AxisField({
  name,
  axis,
  problem,
  other,
  onChange,
}: {
  name: string;
  axis: GridAxis;
  problem: string | null;
  /** The other one: what stands there cannot stand here. */
  other: GridAxis;
  onChange: (axis: GridAxis) => void;
}) {
  return (
    <div className={styles.axis}>
      <Select<AxisKind>
        label={name}
        value={axis.kind}
        onChange={(kind) => onChange(axisOf(kind))}
        options={axisKinds
          .filter((kind) => kind !== other.kind)
          .map((kind) => ({ value: kind, label: axes[kind].title }))}
      />
      {'numbers' in axes[axis.kind] ? (
        <TextField
          label={`${name}: ${within(axes[axis.kind].title)}`}
          value={axis.text}
          onChange={(text) => onChange({ ...axis, text })}
        />
      ) : null}
      {problem ? (
        <p className="small dim" role="status">
          {problem}
        </p>
      ) : null}
    </div>
  );
}
