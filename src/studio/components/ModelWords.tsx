/** What the embedded model can draw: its own words as chips, by kind. */
import { Trans } from '@lingui/react/macro';
import { useEffect, useState } from 'react';
import { bundledPrompts, drawPrompts, type KnownWords, knownWords } from '../store/prompts.ts';
import { chosenModel } from '../store/models.ts';
import { useStudio } from '../store/useStudio.ts';
import { Button } from './Button.tsx';
import styles from './modelWords.module.css';

/** Null before they are read, and for other models, which nobody knows the words of. */
export function useKnownWords(): KnownWords | null {
  const embedded = useStudio((s) => chosenModel(s)?.source === 'embedded');
  const [words, setWords] = useState<KnownWords | null>(null);
  useEffect(() => {
    if (!embedded) return;
    let current = true;
    knownWords().then(
      (read) => current && setWords(read),
      () => undefined,
    );
    return () => {
      current = false;
    };
  }, [embedded]);
  return embedded ? words : null;
}

export function ModelWords({
  words: { kinds },
  onWords,
  onPrompt,
}: {
  words: KnownWords;
  /** @param comma captions set it apart. */
  onWords: (words: string, comma: boolean) => void;
  /** A whole one, of the bundled list. */
  onPrompt: (prompt: string) => void;
}) {
  return (
    <div className="stack">
      {kinds.map(({ kind, words, comma }) => (
        <div key={kind} role="group" aria-label={kind} className={styles.kind}>
          <span className="small dim">{kind}</span>
          <span className={styles.chips}>
            {words.map((word) => (
              <button key={word} type="button" className={styles.chip} onClick={() => onWords(word, comma)}>
                {word}
              </button>
            ))}
          </span>
        </div>
      ))}
      <div>
        <Button
          look="quiet"
          icon="dice"
          onClick={async () => onPrompt(drawPrompts(await bundledPrompts('train'), 1)[0] ?? '')}
        >
          <Trans>A whole prompt</Trans>
        </Button>
      </div>
    </div>
  );
}
