/** Going on from what a run came to: new pairs of it to judge, and it as what the next run starts from. */
import { i18n } from '@lingui/core';
import { msg, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useEffect, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import type { ChoiceRule } from '../../../evaluation/choiceRules.ts';
import type { RunRecord } from '../../../service/types.ts';
import { Button } from '../../components/Button.tsx';
import { NumberField, Select } from '../../components/Fields.tsx';
import { settingsInWords } from '../../components/settingsWords.ts';
import { Disclosure } from '../../components/Disclosure.tsx';
import { roundRecipe } from '../../store/generateSelectors.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './train.module.css';

const stages = {
  drawing: msg({ message: 'Drawing pairs', comment: 'is under way' }),
  looking: msg`Looking for the pairs to ask about`,
} as const;

export function NextRound({ run }: { run: RunRecord }) {
  const [ask, setAsk] = useState(20);
  const [rule, setRule] = useState<ChoiceRule>('doubt');
  const busy = useStudio((s) => s.roundOf === run.id);
  const stage = useStudio((s) => (s.roundOf === run.id ? s.roundStage : null));
  const free = useStudio((s) => s.engineState === 'ready' && s.activeRun === null && !s.startingRound);
  const recipe = useStudio(roundRecipe);
  const [, navigate] = useLocation();
  const { startRound, judgeNew } = useStudio.getState();
  // Whoever has gone elsewhere while it was drawn stays there.
  const isHere = useRef(true);
  useEffect(() => {
    isHere.current = true;
    return () => void (isHere.current = false);
  }, []);
  if (run.checkpoints.length === 0) return null;
  const list = recipe?.from?.name;
  const start = async (): Promise<void> => {
    if (!(await startRound(run.id, ask, rule)) || !isHere.current) return;
    judgeNew();
    navigate('/label');
  };
  return (
    <Disclosure label={t`Next round`}>
      <div className="stack">
        <p className="small dim">
          {rule === 'random' ? (
            <Trans>
              Its best checkpoint draws as many pairs as you are to judge, all at random. The next run starts from it,
              and is held against it.
            </Trans>
          ) : rule === 'doubt' ? (
            <Trans>
              Its best checkpoint draws twice as many pairs as you are to judge. Those that it is least certain of come
              first, and three in ten at random: only these are ever held out. The next run starts from it, and is held
              against it.
            </Trans>
          ) : (
            <Trans>
              Its best checkpoint draws twice as many pairs as you are to judge. Those where it and its last checkpoint
              (or the one before) disagree most come first, and three in ten at random: only these are ever held out.
              The next run starts from it, and is held against it.
            </Trans>
          )}
        </p>
        {recipe ? (
          <p className="small dim">
            {list === undefined ? t`Prompts of the bundled list` : t`Prompts of ${list}`} ·{' '}
            {settingsInWords(recipe.settings)}
          </p>
        ) : null}
        <div className={styles.rule}>
          <Select
            label={t({ message: 'Ask first', comment: 'about which pairs' })}
            value={rule}
            onChange={setRule}
            options={[
              { value: 'doubt', label: t`What it doubts` },
              ...(run.checkpoints.length > 1
                ? [{ value: 'disagreement' as const, label: t`Where two checkpoints disagree` }]
                : []),
              { value: 'random', label: t({ message: 'At random', comment: 'which pairs are asked about' }) },
            ]}
          />
        </div>
        <p className="small dim">
          <Trans>
            Measured on the embedded model with 100 answers: choosing pairs by doubt gained 0.03 deviations over random
            ones, and anything from −0.73 to 0.78 would fit. That is no gain to rely on.
          </Trans>
        </p>
        <div className="row">
          <NumberField label={t`Pairs to judge`} value={ask} min={4} max={500} onChange={setAsk} />
          <Button look="primary" icon="generate" busy={busy} disabled={!free && !busy} onClick={start}>
            {stage ? i18n._(stages[stage]) : t`Start the next round`}
          </Button>
        </div>
      </div>
    </Disclosure>
  );
}
