/** What starts something reads the fields of its screen: while one of them shows what is not used, nothing starts. */
import { t } from '@lingui/core/macro';
import { WinnowError } from '../../shared/errors.ts';

/** Does what was asked for, or throws with the first field that holds no value, and goes to it. */
export function withFields<Result>(perform: () => Result): () => Result {
  return () => {
    const field = document.querySelector<HTMLInputElement>('main [aria-invalid="true"]');
    if (!field) return perform();
    field.focus();
    field.scrollIntoView({ block: 'center' });
    const name = field.labels?.[0]?.textContent?.trim() || t`A field`;
    const value = field.value.slice(0, 40);
    throw new WinnowError(
      'BadArguments',
      value ? t`${name} holds no value that can be used: “${value}”.` : t`${name} holds no value that can be used.`,
      t`Type another one; nothing has started.`,
    );
  };
}
