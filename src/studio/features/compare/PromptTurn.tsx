/** The prompt that is compared, and the ways to the one before and the next. */
import { t } from '@lingui/core/macro';
import type { ReactNode } from 'react';
import { IconButton } from '../../components/Button.tsx';
import { useStudio } from '../../store/useStudio.ts';

/** @param children after the prompt, such as its seed. */
export function PromptTurn({ className, children }: { className: string | undefined; children?: ReactNode }) {
  const prompt = useStudio((s) => s.comparePrompts[s.comparePosition.prompt] ?? '');
  const { moveCompare } = useStudio.getState();
  return (
    <div className={className}>
      <IconButton
        icon="left"
        label={t`Previous prompt`}
        of="previousPrompt"
        onClick={() => moveCompare({ prompt: -1 })}
      />
      <p aria-live="polite">
        <strong>{prompt}</strong> {children}
      </p>
      <IconButton icon="right" label={t`Next prompt`} of="nextPrompt" onClick={() => moveCompare({ prompt: 1 })} />
    </div>
  );
}
