/** Going on from what a run came to: new pairs of it to judge, and it as what the next run starts from. */
import { useState } from 'react';
import { useLocation } from 'wouter';
import type { ChoiceRule } from '../../../evaluation/activeChoice.ts';
import type { RunRecord } from '../../../service/types.ts';
import { Button } from '../../components/Button.tsx';
import { NumberField, Segmented } from '../../components/Fields.tsx';
import { settingsInWords } from '../../components/settingsWords.ts';
import { Disclosure } from '../../components/Surface.tsx';
import { roundRecipe } from '../../store/generateSelectors.ts';
import { useStudio } from '../../store/useStudio.ts';

const first: Readonly<Record<ChoiceRule, string>> = {
  doubt: 'Those that it is least certain of',
  disagreement: 'Those where it and its last checkpoint (or the one before) disagree most',
};

export function NextRound({ run }: { run: RunRecord }) {
  const [ask, setAsk] = useState(20);
  const [rule, setRule] = useState<ChoiceRule>('doubt');
  const stage = useStudio((s) => s.roundStage);
  const busy = useStudio((s) => s.startingRound);
  const free = useStudio((s) => s.engineState === 'ready' && s.activeRun === null);
  const recipe = useStudio(roundRecipe);
  const [, navigate] = useLocation();
  const { startRound, judgeNew } = useStudio.getState();
  if (run.checkpoints.length === 0) return null;
  const start = async (): Promise<void> => {
    if (!(await startRound(run.id, ask, rule))) return;
    judgeNew();
    navigate('/label');
  };
  return (
    <Disclosure label="Next round">
      <div className="stack">
        <p className="small dim">
          Its best checkpoint draws twice as many pairs as you are to judge. {first[rule]} come first, and three in ten
          at random: only these are ever held out. The next run starts from it, and is held against it.
        </p>
        {recipe ? (
          <p className="small dim">
            {recipe.from ? `Prompts of ${recipe.from.name}` : 'Prompts of the bundled list'} ·{' '}
            {settingsInWords(recipe.settings)}
          </p>
        ) : null}
        {run.checkpoints.length > 1 ? (
          <Segmented
            label="Ask first"
            value={rule}
            onChange={setRule}
            options={[
              { value: 'doubt', label: 'What it doubts' },
              { value: 'disagreement', label: 'Where two checkpoints disagree' },
            ]}
          />
        ) : null}
        <div className="row">
          <NumberField label="Pairs to judge" value={ask} min={4} max={500} onChange={setAsk} />
          <Button look="primary" icon="generate" busy={busy} disabled={!free} onClick={start}>
            {stage ?? 'Start the next round'}
          </Button>
        </div>
      </div>
    </Disclosure>
  );
}
