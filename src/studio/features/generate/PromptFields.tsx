/** What is to be in the picture: a prompt, with what the model takes of it and what it knows, or a list of them. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useEffect } from 'react';
import { acceptOf } from '../../../data/importers/table.ts';
import { Button, IconButton } from '../../components/Button.tsx';
import { FileButton } from '../../components/FileButton.tsx';
import { TextArea } from '../../components/Fields.tsx';
import { ModelWords, useKnownWords } from '../../components/ModelWords.tsx';
import { Disclosure } from '../../components/Disclosure.tsx';
import { isGuided } from '../../store/generateSelectors.ts';
import { chosenModel } from '../../store/models.ts';
import { unknownWords, withWords } from '../../store/prompts.ts';
import { useDraft } from '../../store/useDraft.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './generate.module.css';

export function PromptFields() {
  const draft = useDraft('prompt', 'negativePrompt', 'list', 'guidanceScale');
  const model = useStudio(chosenModel);
  const { setDraft, usePromptFile, drawPromptList } = useStudio.getState();
  const { name = '', prompts = [] } = draft.list ?? {};
  const count = prompts.length;
  return (
    <>
      {draft.list ? (
        <div className={styles.list}>
          <div className="spread">
            <strong>{t`${plural(count, { one: `${count} prompt`, other: `${count} prompts` })} from ${name}`}</strong>
            <IconButton icon="close" label={t`Use one prompt instead`} onClick={() => setDraft({ list: null })} />
          </div>
          <Disclosure label={t`Show them`}>
            <ul className={styles.prompts}>
              {prompts.map((prompt, index) => (
                // oxlint-disable-next-line react/no-array-index-key -- a list may hold a prompt twice
                <li key={`${index} ${prompt}`}>{prompt}</li>
              ))}
            </ul>
          </Disclosure>
        </div>
      ) : (
        <div>
          <TextArea
            label={t`Prompt`}
            value={draft.prompt}
            rows={3}
            placeholder={t`What should be in the picture?`}
            onChange={(prompt) => setDraft({ prompt })}
          />
          <Taken prompt={draft.prompt} />
        </div>
      )}
      {isGuided(draft, model) ? (
        <TextArea
          label={t`Negative prompt`}
          value={draft.negativePrompt}
          rows={1}
          placeholder={t`What should not be there`}
          onChange={(negativePrompt) => setDraft({ negativePrompt })}
        />
      ) : null}
      <div className="row">
        <FileButton accept={acceptOf('prompts')} look="quiet" onFile={usePromptFile}>
          <Trans>List from a file</Trans>
        </FileButton>
        <Button look="quiet" icon="list" onClick={() => drawPromptList(12)}>
          <Trans>Draw 12 prompts</Trans>
        </Button>
      </div>
    </>
  );
}

/** Typing settles before the model is asked. */
const SETTLE_MS = 200;

/** How much of the prompt the model takes, and which of its words it has never met. */
function Taken({ prompt }: { prompt: string }) {
  const model = useStudio(chosenModel);
  const ready = useStudio((s) => s.engineState === 'ready');
  const reading = useStudio((s) => s.promptReading);
  const words = useKnownWords();
  const { readPrompt, setDraft } = useStudio.getState();
  useEffect(() => {
    if (!ready) return;
    const timer = setTimeout(() => void readPrompt(), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [prompt, ready, model?.id, readPrompt]);
  if (!model) return null;
  const room = model.maxTokens - 2;
  const { count = 0, lost = '' } = reading ?? {};
  const unknown = (words ? unknownWords(prompt, words.known) : []).map((word) => `“${word}”`).join(', ');
  const { title } = model;
  return (
    <div className={styles.taken}>
      <div className="spread">
        <span className="small dim number" role="status" data-over={lost !== '' || undefined}>
          {reading ? t`${count} of ${room} tokens` : t`Up to ${room} tokens; the rest is not read.`}
        </span>
      </div>
      {lost ? <p className={`small ${styles.lost}`}>{t`Not read any more: “${lost}”`}</p> : null}
      {unknown ? (
        <p className={`small ${styles.lost}`} role="status">
          {t`${title} has never met ${unknown}: it draws what it makes of the letters.`}
        </p>
      ) : null}
      {words?.kinds.length ? (
        <Disclosure label={t`What can this model draw?`}>
          <ModelWords
            words={words}
            onWords={(said, comma) => setDraft({ prompt: withWords(prompt, said, comma) })}
            onPrompt={(whole) => setDraft({ prompt: whole })}
          />
        </Disclosure>
      ) : null}
    </div>
  );
}
