/** What is said of blind tests, on screen and in reports. */
import { i18n, type I18n } from '@lingui/core';
import { t } from '@lingui/core/macro';
import type { BlindTestRecord } from '../../data/blindTests.ts';
import { judgedRounds, passedRounds } from './blindSlice.ts';

/** Where a test came to less than was asked for. Tests of earlier versions did, where they were left. */
export function endedEarlyInWords(test: BlindTestRecord, language: I18n = i18n): string | null {
  const [judged, passed] = [judgedRounds(test), passedRounds(test)];
  const { planned } = test;
  if (passed < planned) return t(language)`Ended early, after ${judged} of ${planned}.`;
  return judged < planned
    ? t(
        language,
      )`The pictures of some were deleted before every question was answered: it came to ${judged} of ${planned}.`
    : null;
}
