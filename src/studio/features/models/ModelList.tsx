/** Every model that is here; one of them is in use. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { Panel, Tag } from '../../components/Surface.tsx';
import { printBytes, printCount } from '../../components/words.ts';
import { chosenModel } from '../../store/models.ts';
import { useStudio } from '../../store/useStudio.ts';
import { type Entry, shareInWords } from './entries.ts';
import styles from './models.module.css';

export function ModelList({ entries, viewed }: { entries: readonly Entry[]; viewed: string | undefined }) {
  const chosen = useStudio((s) => chosenModel(s)?.id);
  const starting = useStudio((s) => s.engineState === 'starting');
  const { viewModel } = useStudio.getState();
  return (
    <Panel title={t({ message: 'Here', comment: 'a heading: models that are in this browser' })}>
      {entries.length ? (
        <ul className={styles.list}>
          {entries.map((entry) => (
            <li key={entry.id}>
              <button
                type="button"
                className={styles.model}
                aria-pressed={entry.id === viewed}
                onClick={() => viewModel(entry.id)}
              >
                <span className={styles.modelHead}>
                  <strong>{entry.title}</strong>
                  {entry.id === chosen ? (
                    <Tag tone="accent">
                      <Trans comment="a model">in use</Trans>
                    </Tag>
                  ) : entry.info ? null : (
                    <Tag tone="bad">
                      {entry.stored?.complete
                        ? t({ message: 'does not open', comment: 'a model' })
                        : t({ message: 'not whole', comment: 'a model' })}
                    </Tag>
                  )}
                </span>
                <span className="small dim number">{factsInShort(entry)}</span>
              </button>
            </li>
          ))}
        </ul>
      ) : (
        <p className="small dim">
          {starting
            ? t({ message: 'The engine looks for them.', comment: 'models' })
            : t`The engine is not running, so that nothing can be read.`}
        </p>
      )}
    </Panel>
  );
}

function factsInShort({ info, stored }: Entry): string {
  if (info)
    return `${info.family} · ${printCount(info.parameters.unet)} · ${printBytes(stored?.totalBytes ?? info.weightBytes)}`;
  if (!stored) return '';
  return stored.complete ? printBytes(stored.totalBytes) : shareInWords(stored.presentBytes, stored.totalBytes);
}
