/** Pairs to judge: the same prompt with two seeds, or one seed through two models. */
import type { Action } from '../../components/action.ts';
import { ActionButton, Button } from '../../components/Button.tsx';
import { NumberField, Segmented } from '../../components/Fields.tsx';
import { ModelPicker } from '../../components/ModelPicker.tsx';
import { Panel } from '../../components/Surface.tsx';
import { plural } from '../../components/words.ts';
import { waiting } from '../../store/labelSelectors.ts';
import { modelKey } from '../../store/models.ts';
import { secondModel } from '../../store/generateSelectors.ts';
import { useDraft } from '../../store/useDraft.ts';
import { useStudio } from '../../store/useStudio.ts';

export function MakePairs({ action }: { action: Action }) {
  const draft = useDraft('list', 'model', 'against', 'pairCount');
  const isTyped = useStudio((s) => s.draft.prompt.trim() !== '');
  const toJudge = useStudio(waiting);
  const { setDraft } = useStudio.getState();
  const same = draft.against !== null && draft.model !== null && modelKey(draft.against) === modelKey(draft.model);
  const from = draft.list
    ? `Over the ${plural(draft.list.prompts.length, 'prompt')} of the list.`
    : isTyped
      ? 'All from the prompt above; a list gives more variety.'
      : 'From prompts drawn from the bundled list.';
  return (
    <Panel title="Pairs to judge">
      <div className="stack">
        <Segmented
          label="What the two images of a pair share"
          full
          value={draft.against ? 'models' : 'seeds'}
          onChange={(kind) => setDraft({ against: kind === 'models' ? secondModel(useStudio.getState()) : null })}
          options={[
            { value: 'seeds', label: 'Two seeds' },
            { value: 'models', label: 'Two models' },
          ]}
        />
        {draft.against ? (
          <ModelPicker
            label="Second model"
            value={draft.against}
            onChange={(against) => setDraft({ against })}
            oneBase
          />
        ) : null}
        {same ? <p className="small dim">Both models are the same: the pairs will be made of two seeds.</p> : null}
        <NumberField
          label="Pairs"
          hint={from}
          value={draft.pairCount}
          min={1}
          max={1000}
          onChange={(pairCount) => setDraft({ pairCount })}
        />
        <ActionButton action={{ ...action, label: `Make ${plural(draft.pairCount, 'pair')}` }} full />
        {toJudge > 0 ? (
          <Button look="quiet" icon="label" href="#/label" full>
            Judge the {plural(toJudge, 'pair')} that wait
          </Button>
        ) : null}
      </div>
    </Panel>
  );
}
