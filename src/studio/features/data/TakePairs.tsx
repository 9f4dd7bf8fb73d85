/** Judged pairs, in the forms that other tools read. */
import { t } from '@lingui/core/macro';
import { useState } from 'react';
import { pairsExporters, pairsExportKinds, type PairsExportKind } from '../../../data/exporters/pairs/table.ts';
import { Button } from '../../components/Button.tsx';
import { saveTaken } from '../../components/files.ts';
import { Switch } from '../../components/Fields.tsx';
import { Panel } from '../../components/Surface.tsx';
import { exportPairs } from '../../store/takeAway.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './data.module.css';
import { said } from '../../languages/language.ts';

export function TakePairs() {
  const hasUsable = useStudio((s) => s.counts.usable > 0);
  const hasPairs = useStudio((s) => s.pairs.length > 0);
  const hasTies = useStudio((s) => s.counts.tie > 0);
  const taking = useStudio((s) => s.taking);
  const [keepTies, setKeepTies] = useState(false);
  const take = async (kind: PairsExportKind): Promise<void> => {
    const { ties } = pairsExporters[kind];
    const file = await useStudio
      .getState()
      .take(`pairs ${kind}`, (onProgress) => exportPairs(kind, keepTies && ties, onProgress));
    if (file) saveTaken(file);
  };
  return (
    <Panel title={t`Take pairs away`}>
      <ul className={styles.take}>
        {pairsExportKinds.map((kind) => {
          const { title, what, all } = { all: false, ...pairsExporters[kind] };
          const mine = taking?.what === `pairs ${kind}`;
          return (
            <li key={kind}>
              <Button
                icon="save"
                full
                busy={mine}
                disabled={taking !== null || !(all ? hasPairs : hasUsable)}
                onClick={() => take(kind)}
              >
                {said(title)}
                {mine && taking.share > 0 ? ` · ${Math.floor(100 * taking.share)} %` : ''}
              </Button>
              <span className="small dim">{said(what)}</span>
            </li>
          );
        })}
      </ul>
      {hasTies ? (
        <Switch
          label={t`Write ties too`}
          hint={t`Where the form can say them: label_0 = 0.5, which diffusers’ scripts take for “the first won”.`}
          checked={keepTies}
          onChange={setKeepTies}
        />
      ) : null}
    </Panel>
  );
}
