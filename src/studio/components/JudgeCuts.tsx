/** What a judge does not read of prompts, being too long for it: said before it judges. */
import { plural, t } from '@lingui/core/macro';
import { useEffect } from 'react';
import type { AskedJudge } from '../store/judgesSlice.ts';
import { useStudio } from '../store/useStudio.ts';
import { Disclosure } from './Disclosure.tsx';
import { Notice } from './Surface.tsx';

/** Prompts told in full; the others are counted. */
const MOST_TOLD = 20;

/** @param prompts the same list while it holds the same prompts. */
export function JudgeCuts({ judge: { place, info }, prompts }: { judge: AskedJudge; prompts: readonly string[] }) {
  const ready = useStudio((s) => s.engineState === 'ready');
  const lost = useStudio((s) => s.judgeLost[place]);
  const { readJudgeCuts } = useStudio.getState();
  useEffect(() => {
    if (ready) void readJudgeCuts(place, prompts);
  }, [ready, place, prompts, readJudgeCuts]);
  const cut = prompts.filter((prompt) => lost?.get(prompt));
  if (cut.length === 0) return null;
  const { title } = info;
  const count = cut.length;
  const more = count - MOST_TOLD;
  return (
    <Notice tone="warn">
      <p>
        {t`${title} reads only the beginning of ${plural(count, { one: `${count} prompt`, other: `${count} prompts` })}: the rest is too long for it.`}
      </p>
      <Disclosure label={t`What it does not read`}>
        <ul>
          {cut.slice(0, MOST_TOLD).map((prompt) => (
            <li key={prompt} className="small">
              {shortened(prompt)}: <q>{lost!.get(prompt)}</q>
            </li>
          ))}
        </ul>
        {more > 0 ? <p className="small dim">{t({ message: `And of ${more} more.`, comment: 'prompts' })}</p> : null}
      </Disclosure>
    </Notice>
  );
}

const shortened = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text);
