/** Exports of what stands on side B, of the labels, and of the comparison. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { exporters } from '../../../data/exporters/table.ts';
import { exportKinds, modelExports } from '../../../service/export/kinds.ts';
import { Button } from '../../components/Button.tsx';
import { saveTaken } from '../../components/files.ts';
import { Panel } from '../../components/Surface.tsx';
import { isTuned, modelNames, titleOf } from '../../store/models.ts';
import { exportLabels, exportModel, exportReport } from '../../store/takeAway.ts';
import type { TakeAwaySlice } from '../../store/takeAwaySlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './compare.module.css';
import { said } from '../../languages/language.ts';

/** ONNX is for programs, and whole in memory: the command line writes it. */
const kinds = exportKinds.filter((kind) => modelExports[kind].holds !== 'unet');

export function TakeAway() {
  const model = useStudio((s) => s.compareB);
  const names = useStudio(modelNames);
  const ready = useStudio((s) => s.engineState === 'ready');
  const hasLabels = useStudio((s) => s.counts.labels > 0);
  const taking = useStudio((s) => s.taking);
  const title = model && isTuned(model) ? titleOf(model, names) : null;
  const topmost = model?.adapters.at(-1);
  const run = topmost?.kind === 'run' ? names.runs.find((one) => one.id === topmost.run) : undefined;
  const take: (...what: Parameters<TakeAwaySlice['take']>) => Promise<void> = async (...what) => {
    const file = await useStudio.getState().take(...what);
    if (file) saveTaken(file);
  };
  const fileName = (run?.name ?? 'winnow').toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-');
  // A fully fine-tuned run has no adapter to hand out.
  const isLora = model !== null && isTuned(model) && run?.config.mode !== 'full';
  return (
    <Panel title={t`Take away`}>
      <ul className={styles.take}>
        {kinds.map((kind) => (
          <li key={kind}>
            <Button
              icon="save"
              full
              busy={taking?.what === kind}
              disabled={taking !== null || !ready || !model || (modelExports[kind].holds === 'lora' && !isLora)}
              onClick={() => take(kind, (onProgress) => exportModel(model!, kind, fileName, onProgress))}
            >
              {said(modelExports[kind].title)}
              {taking?.what === kind && taking.share > 0 ? ` · ${Math.floor(100 * taking.share)} %` : ''}
            </Button>
            <span className="small dim">{said(modelExports[kind].note)}</span>
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
            {said(exporters.labelEvents.title)}
          </Button>
          <span className="small dim">{said(exporters.labelEvents.what)}</span>
        </li>
        <li>
          <Button
            icon="save"
            full
            busy={taking?.what === 'report'}
            disabled={taking !== null}
            onClick={() => take('report', () => exportReport(run?.id))}
          >
            <Trans comment="a button: saves a report">Report</Trans>
          </Button>
          <span className="small dim">
            <Trans>One HTML file, images inside</Trans>
          </span>
        </li>
      </ul>
      <p className="small dim" style={{ marginTop: 10 }}>
        {title ? t`Of side B: ${title}.` : t`A LoRA can be taken when a tuned model stands on side B.`}
      </p>
    </Panel>
  );
}
