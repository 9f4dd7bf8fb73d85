/** GPU memory by part, as a bar and in numbers; and the limit that binds, where one does. */
import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, t } from '@lingui/core/macro';
import type { MemoryForecast } from '../../service/types.ts';
import styles from './memoryParts.module.css';
import { Notice } from './Surface.tsx';
import { printBytes } from './words.ts';

const parts: Record<keyof Required<MemoryForecast['parts']>, { label: MessageDescriptor; shade: string }> = {
  weights: { label: msg`Weights`, shade: 'var(--winner)' },
  adapter: { label: msg`What learns`, shade: 'var(--accent-strong)' },
  gradients: { label: msg`Gradients`, shade: 'color-mix(in srgb, var(--accent-strong) 65%, var(--panel))' },
  optimiser: { label: msg`Optimiser`, shade: 'color-mix(in srgb, var(--accent-strong) 38%, var(--panel))' },
  ema: { label: msg`Average of what learns`, shade: 'color-mix(in srgb, var(--accent-strong) 20%, var(--panel))' },
  activations: { label: msg`Activations`, shade: 'color-mix(in srgb, var(--winner) 55%, var(--panel))' },
  reference: {
    label: msg({ message: 'Reference', comment: 'a model that does not learn' }),
    shade: 'var(--line-strong)',
  },
  looks: { label: msg`Looks at held-out pairs`, shade: 'color-mix(in srgb, var(--winner) 30%, var(--panel))' },
  kept: { label: msg`Models kept ready`, shade: 'color-mix(in srgb, var(--line-strong) 45%, var(--panel))' },
};

export function MemoryParts({ forecast }: { forecast: MemoryForecast }) {
  const bytesOf = (name: keyof typeof parts): number => forecast.parts[name] ?? 0;
  const names = (Object.keys(parts) as (keyof typeof parts)[]).filter((name) => bytesOf(name) > 0);
  return (
    <div>
      <div className={styles.bar} data-own-colours aria-hidden="true">
        {names.map((name) => (
          <span key={name} style={{ flexGrow: bytesOf(name), background: parts[name].shade }} />
        ))}
      </div>
      <dl className={styles.parts}>
        {names.map((name) => (
          <div key={name}>
            <dt>
              <i style={{ background: parts[name].shade }} />
              {i18n._(parts[name].label)}
            </dt>
            <dd className="number">{printBytes(bytesOf(name))}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

export function Exceeded({ forecast: { exceeded } }: { forecast: MemoryForecast }) {
  if (!exceeded) return null;
  const { limit, remedy } = exceeded;
  const needed = printBytes(exceeded.neededBytes);
  const available = printBytes(exceeded.availableBytes);
  return (
    <Notice tone="bad" title={t`It does not fit: ${limit}`}>
      {t`Needs ${needed}, there are ${available}.`} {remedy}
    </Notice>
  );
}
