/** Where a model is asked for and a judge comes, or the other way round, it is said where it went. */
import { t } from '@lingui/core/macro';
import type { CameIn } from '../store/modelsSlice.ts';
import { toast } from './toast.ts';

export async function sayWhereItWent(name: string, asked: CameIn, coming: Promise<CameIn | null>): Promise<void> {
  const came = await coming;
  if (came === null || came === asked) return;
  if (came === 'judge')
    toast(t`${name} is a judge`, t`It scores pictures and draws none. It is under Judges, on Models.`);
  else toast(t`${name} is no judge`, t`It is a model that draws pictures, and is under Here, on Models.`);
}
