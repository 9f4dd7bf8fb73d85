/** Pairs to judge: the same prompt with two seeds, or one seed through two models, or the best and the worst of several. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import type { Action } from '../../components/action.ts';
import { ActionButton, Button } from '../../components/Button.tsx';
import { NumberField, Segmented, Select } from '../../components/Fields.tsx';
import { ModelPicker } from '../../components/ModelPicker.tsx';
import { Panel } from '../../components/Surface.tsx';
import type { JudgeInfo, PairsRequest } from '../../../service/types.ts';
import { waiting } from '../../store/labelSelectors.ts';
import { chosenModel, modelKey } from '../../store/models.ts';
import { secondModel } from '../../store/generateSelectors.ts';
import { useDraft } from '../../store/useDraft.ts';
import { useStudio } from '../../store/useStudio.ts';
import { said, within } from '../../languages/language.ts';

const keyOf = (judge: string, scale: string | undefined): string => `${judge} ${scale ?? ''}`;

const noJudges: readonly JudgeInfo[] = [];

export function MakePairs({ action }: { action: Action }) {
  const draft = useDraft('list', 'model', 'against', 'bestOf', 'pairCount');
  const isTyped = useStudio((s) => s.draft.prompt.trim() !== '');
  const toJudge = useStudio(waiting);
  const own = useStudio(chosenModel)?.judges ?? noJudges;
  const stored = useStudio((s) => s.storedJudges);
  // Requests name one that was brought by its place.
  const judges = [...own, ...stored.flatMap(({ place, info }) => (info ? [{ ...info, name: place }] : []))];
  const { setDraft } = useStudio.getState();
  const same = draft.against !== null && draft.model !== null && modelKey(draft.against) === modelKey(draft.model);
  const prompts = draft.list?.prompts.length ?? 0;
  const from = draft.list
    ? t`Over the ${plural(prompts, { one: `${prompts} prompt`, other: `${prompts} prompts` })} of the list.`
    : isTyped
      ? t`All from the prompt above; a list gives more variety.`
      : t`From prompts drawn from the bundled list.`;
  const { pairCount } = draft;
  return (
    <Panel title={t`Pairs to judge`}>
      <div className="stack">
        <Segmented
          label={t`What the two images of a pair share`}
          full
          value={draft.against ? 'models' : draft.bestOf ? 'best' : 'seeds'}
          onChange={(kind) =>
            setDraft({
              against: kind === 'models' ? secondModel(useStudio.getState()) : null,
              bestOf: kind === 'best' && judges[0] ? { k: 4, judge: judges[0].name } : null,
            })
          }
          options={[
            { value: 'seeds', label: t`Two seeds` },
            { value: 'models', label: t`Two models` },
            ...(judges.length > 0 ? [{ value: 'best', label: t`Best and worst` }] : []),
          ]}
        />
        {draft.bestOf ? <BestOf bestOf={draft.bestOf} judges={judges} /> : null}
        {draft.against ? (
          <ModelPicker
            label={t`Second model`}
            value={draft.against}
            onChange={(against) => setDraft({ against })}
            oneBase
          />
        ) : null}
        {same ? (
          <p className="small dim">
            <Trans>Both models are the same: the pairs will be made of two seeds.</Trans>
          </p>
        ) : null}
        <NumberField
          label={t`Pairs`}
          hint={from}
          value={pairCount}
          min={1}
          max={1000}
          onChange={(count) => setDraft({ pairCount: count })}
        />
        <ActionButton
          action={{
            ...action,
            label: t`Make ${plural(pairCount, { one: `${pairCount} pair`, other: `${pairCount} pairs` })}`,
          }}
          full
        />
        {toJudge > 0 ? (
          <Button look="quiet" icon="label" href="#/label" full>
            {t`Judge the ${plural(toJudge, { one: `${toJudge} pair`, other: `${toJudge} pairs` })} that wait`}
          </Button>
        ) : null}
      </div>
    </Panel>
  );
}

function BestOf({ bestOf, judges }: { bestOf: NonNullable<PairsRequest['bestOf']>; judges: readonly JudgeInfo[] }) {
  const { width, height } = useDraft('width', 'height');
  const { setDraft } = useStudio.getState();
  const judge = judges.find(({ name }) => name === bestOf.judge);
  const side = judge?.imageSize ?? null;
  const choices = judges.flatMap(({ name, title, scales }) =>
    scales.map((scale) => ({
      key: keyOf(name, scale.name),
      by: { judge: name, scale: scale.name },
      label: `${title}: ${within(said(scale.title))}`,
    })),
  );
  return (
    <>
      <NumberField
        label={t`Of how many`}
        hint={t`So many images of each prompt are made, and two are kept: easier to tell apart, and slower.`}
        value={bestOf.k}
        min={2}
        max={16}
        onChange={(k) => setDraft({ bestOf: { ...bestOf, k } })}
      />
      <Select
        label={t({ message: 'By', comment: 'a choice: by which judge the two are picked' })}
        hint={
          side !== null && (width !== side || height !== side)
            ? t`It sees ${side} × ${side} pixels; choose that size.`
            : t`It picks the two; which of them is better is for you to say.`
        }
        value={keyOf(bestOf.judge, bestOf.scale ?? judge?.scales[0]?.name)}
        onChange={(key) => setDraft({ bestOf: { k: bestOf.k, ...choices.find((one) => one.key === key)!.by } })}
        options={choices.map(({ key, label }) => ({ value: key, label }))}
      />
    </>
  );
}
