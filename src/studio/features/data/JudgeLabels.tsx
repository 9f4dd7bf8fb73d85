/** A judge labels the pairs: labels of its own, which count where no person has judged, and train as often as the run's settings say. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useMemo, useState } from 'react';
import { signature } from '../../../judges/judge.ts';
import { labelsOf } from '../../../data/labels.ts';
import { Button } from '../../components/Button.tsx';
import { NumberField, Select } from '../../components/Fields.tsx';
import { JudgeCuts } from '../../components/JudgeCuts.tsx';
import { Progress } from '../../components/Progress.tsx';
import { Panel, ProblemNotice } from '../../components/Surface.tsx';
import { knownJudges } from '../../store/judgesSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import { said, within } from '../../languages/language.ts';

export function JudgeLabels() {
  const judges = useStudio(knownJudges);
  const labels = useStudio((s) => s.labels);
  const pairs = useStudio((s) => s.pairs);
  const judging = useStudio((s) => s.judging);
  const ready = useStudio((s) => s.engineState === 'ready');
  const problem = useStudio((s) => s.labelProblem);
  const { labelBy, stopJudging } = useStudio.getState();
  const [chosen, setChosen] = useState('');
  const [margin, setMargin] = useState(0);
  const prompts = useMemo(() => [...new Set(pairs.map(({ prompt }) => prompt))], [pairs]);
  const choices = judges.flatMap((judge) =>
    judge.info.scales.map(({ name, title }) => ({
      judge,
      scale: name,
      key: `${judge.place} ${name}`,
      label: `${judge.info.title}: ${within(said(title))}`,
    })),
  );
  const choice = choices.find(({ key }) => key === chosen) ?? choices[0];
  if (!choice) return null;
  const signed = signature(choice.judge.info, choice.scale);
  const { byPair } = labelsOf(labels, signed);
  const open = pairs.filter(({ id }) => !byPair.has(id)).length;
  const { done, total } = judging ?? { done: 0, total: 0 };
  return (
    <Panel title={t`Have a judge label`}>
      <div className="stack">
        <p className="small dim">
          <Trans>
            Its labels stay apart from people’s, which count first. How often they train is a setting of the run.
          </Trans>
        </p>
        <Select
          label={t({ message: 'Judge', context: 'who judges' })}
          hint={said(choice.judge.info.about.weakness)}
          value={choice.key}
          onChange={setChosen}
          options={choices.map(({ key, label }) => ({ value: key, label }))}
        />
        <JudgeCuts judge={choice.judge} prompts={prompts} />
        <NumberField
          label={t`Tie margin`}
          hint={t`Scores no further apart than this are a tie.`}
          value={margin}
          min={0}
          max={1000}
          step={0.1}
          digits={3}
          onChange={setMargin}
        />
        {judging ? (
          <>
            <Progress label={t`A judge is labelling`} value={total > 0 ? done / total : null} />
            <div className="row">
              <span className="small number">
                <Trans>
                  {done} of {total}
                </Trans>
              </span>
              <Button icon="close" onClick={stopJudging}>
                <Trans>Stop</Trans>
              </Button>
            </div>
          </>
        ) : (
          <Button
            icon="label"
            disabled={!ready || open === 0}
            onClick={() => labelBy(choice.judge, choice.scale, signed, margin)}
          >
            {open === 0
              ? t`It has labelled all pairs`
              : t`Label ${plural(open, { one: `${open} pair`, other: `${open} pairs` })}`}
          </Button>
        )}
        <ProblemNotice problem={problem} />
      </div>
    </Panel>
  );
}
