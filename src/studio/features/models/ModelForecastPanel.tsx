/** Memory of each use of a model at a size, on this adapter: known before anything is loaded. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { type ReactNode, useEffect, useState } from 'react';
import type { MemoryForecast, ModelInfo } from '../../../service/types.ts';
import { Select } from '../../components/Fields.tsx';
import { Exceeded, MemoryParts } from '../../components/MemoryParts.tsx';
import { Panel, ProblemNotice, Tag } from '../../components/Surface.tsx';
import { printBytes, withoutEngine } from '../../components/words.ts';
import { forecastKey } from '../../store/modelsSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './models.module.css';

/** Sizes around the model's own, in steps that it takes. */
function sizesOf({ defaultSize: { width, height }, sizeMultiple }: ModelInfo): ModelInfo['defaultSize'][] {
  const scaled = (side: number, index: number): number => {
    const step = Math.max(sizeMultiple, Math.round(side / 8 / sizeMultiple) * sizeMultiple);
    return side + (index - 4) * step;
  };
  return Array.from({ length: 13 }, (_, index) => ({
    width: scaled(width, index),
    height: scaled(height, index),
  })).filter((size) => size.width > 0 && size.height > 0);
}

const inPixels = ({ width, height }: ModelInfo['defaultSize']): string => `${width} × ${height} px`;

function ownInWords(one: ModelInfo['defaultSize']): string {
  const size = inPixels(one);
  return t({ message: `${size}, its own`, comment: 'the size that a model was made for' });
}

export function ModelForecastPanel({ info }: { info: ModelInfo }) {
  const [size, setSize] = useState(info.defaultSize);
  const state = useStudio((s) => s.engineState);
  const ready = state === 'ready';
  const found = useStudio((s) => s.modelForecasts[forecastKey(info.id, size)]);
  const { readModelForecast } = useStudio.getState();
  useEffect(() => {
    if (ready && !found) void readModelForecast(info.id, size);
  }, [ready, found, info.id, size, readModelForecast]);
  const sizes = sizesOf(info);
  const keyOf = (one: ModelInfo['defaultSize']): string => forecastKey(info.id, one);
  const options = sizes.map((one) => ({
    value: keyOf(one),
    label: keyOf(one) === keyOf(info.defaultSize) ? ownInWords(one) : inPixels(one),
  }));
  return (
    <Panel
      title={t`GPU memory here`}
      aside={
        <div className={styles.size}>
          <Select
            label={t`Picture size`}
            value={keyOf(size)}
            onChange={(key) => setSize(sizes.find((one) => keyOf(one) === key) ?? info.defaultSize)}
            options={options}
          />
        </div>
      }
    >
      {!found ? (
        <p className="small dim" role="status">
          {state === 'ready' ? t({ message: 'Planning.', comment: 'GPU memory is worked out' }) : withoutEngine[state]}
        </p>
      ) : 'message' in found ? (
        <ProblemNotice problem={found} />
      ) : (
        <>
          <div className={styles.uses}>
            <Use
              title={t`Make a picture`}
              note={t({ message: 'One, with guidance.', comment: 'a picture' })}
              forecast={found.generate}
            />
            {info.notTrainable ? null : (
              <>
                <Use title={t`Train a LoRA`} note={t`Rank 8, one pair at a time.`} forecast={found.lora} />
                <Use title={t`Train every weight`} note={t`One pair at a time.`} forecast={found.full} />
              </>
            )}
          </div>
          <p className={`small dim ${styles.limits}`}>
            <Trans>
              Held against the limits that this adapter names. No browser says how much memory a GPU has: compare the
              sums with yours.
            </Trans>
          </p>
        </>
      )}
    </Panel>
  );
}

function Use({ title, note, forecast }: { title: string; note: ReactNode; forecast: MemoryForecast }) {
  return (
    <section className={styles.use} aria-label={title}>
      <div className="spread">
        <h3>{title}</h3>
        {forecast.exceeded ? (
          <Tag tone="bad">
            <Trans>does not fit</Trans>
          </Tag>
        ) : (
          <Tag>
            <Trans>within limits</Trans>
          </Tag>
        )}
      </div>
      <p className={styles.peak}>{printBytes(forecast.peakBytes)}</p>
      <p className="small dim">{note}</p>
      <MemoryParts forecast={forecast} />
      <Exceeded forecast={forecast} />
    </section>
  );
}
