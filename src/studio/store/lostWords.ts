/** What is said of pairs that are left out because their pictures are gone or damaged. */
import { plural, t } from '@lingui/core/macro';
import type { LostPicture } from '../../service/types.ts';

/** @param count of pairs. */
export function lostWords(count: number, [first]: readonly LostPicture[]): string {
  const why = first!.message;
  return t`${plural(count, {
    one: `One pair was left out: a picture of it cannot be read. ${why}`,
    other: `${count} pairs were left out: pictures of them cannot be read. ${why}`,
  })}`;
}
