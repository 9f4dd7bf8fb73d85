/** Exports of what stands on side B, of the labels, and of the comparison. */
import type { ExportKind } from '../../../service/types.ts';
import { Button } from '../../components/Button.tsx';
import { saveBytes } from '../../components/files.ts';
import { Panel } from '../../components/Surface.tsx';
import { isTuned, modelNames, titleOf } from '../../store/models.ts';
import { exportLabels, exportModel, exportReport } from '../../store/takeAway.ts';
import type { TakeAwaySlice } from '../../store/takeAwaySlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './compare.module.css';

const kinds: { kind: ExportKind; label: string; note: string; needsLora: boolean }[] = [
  { kind: 'kohya', label: 'LoRA', note: 'One file for ComfyUI, A1111 and diffusers', needsLora: true },
  { kind: 'peft', label: 'LoRA (PEFT)', note: 'With PEFT’s own keys, for Python', needsLora: true },
  { kind: 'diffusers', label: 'Whole model', note: 'A diffusers folder, merged, as a zip', needsLora: false },
  {
    kind: 'single-file',
    label: 'Checkpoint',
    note: 'Whole model in one file, for A1111 and ComfyUI',
    needsLora: false,
  },
];

export function TakeAway() {
  const model = useStudio((s) => s.compareB);
  const names = useStudio(modelNames);
  const ready = useStudio((s) => s.engineState === 'ready');
  const hasLabels = useStudio((s) => s.counts.labels > 0);
  const taking = useStudio((s) => s.taking);
  const topmost = model?.adapters.at(-1);
  const run = topmost?.kind === 'run' ? names.runs.find((one) => one.id === topmost.run) : undefined;
  const take: (...what: Parameters<TakeAwaySlice['take']>) => Promise<void> = async (...what) => {
    const file = await useStudio.getState().take(...what);
    if (file) saveBytes(file.bytes, file.name, file.type);
  };
  const fileName = (run?.name ?? 'winnow').toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-');
  // A fully fine-tuned run has no adapter to hand out.
  const isLora = model !== null && isTuned(model) && run?.config.mode !== 'full';
  return (
    <Panel title="Take away">
      <ul className={styles.take}>
        {kinds.map(({ kind, label, note, needsLora }) => (
          <li key={kind}>
            <Button
              icon="save"
              full
              busy={taking?.what === kind}
              disabled={taking !== null || !ready || !model || (needsLora && !isLora)}
              onClick={() => take(kind, (onProgress) => exportModel(model!, kind, fileName, onProgress))}
            >
              {taking?.what === kind && taking.share > 0 ? `${label} · ${Math.floor(100 * taking.share)} %` : label}
            </Button>
            <span className="small dim">{note}</span>
          </li>
        ))}
        <li>
          <Button
            icon="save"
            full
            busy={taking?.what === 'labels'}
            disabled={taking !== null || !hasLabels}
            onClick={() => take('labels', exportLabels)}
          >
            Labels
          </Button>
          <span className="small dim">JSONL, every answer</span>
        </li>
        <li>
          <Button
            icon="save"
            full
            busy={taking?.what === 'report'}
            disabled={taking !== null}
            onClick={() => take('report', () => exportReport(run?.id))}
          >
            Report
          </Button>
          <span className="small dim">One HTML file, images inside</span>
        </li>
      </ul>
      <p className="small dim" style={{ marginTop: 10 }}>
        {model && isTuned(model)
          ? `Of side B: ${titleOf(model, names)}.`
          : 'A LoRA can be taken when a tuned model stands on side B.'}
      </p>
    </Panel>
  );
}
