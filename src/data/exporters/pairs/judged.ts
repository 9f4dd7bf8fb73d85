/** Pairs with the label that counts, as data sets say it: a number for the first picture. And what a row said when it came, brought in line with
 *  that label. */
import { isForeign, type PairImage } from '../../../records/foreignImages.ts';
import type { PairRecord } from '../../../records/pairs.ts';
import { raterKindOf } from '../../../records/raters.ts';
import { nameOf } from '../../../shared/paths.ts';
import { type MergedLabel, winnerOf } from '../../labels.ts';
import type { FileStore } from '../../files.ts';

export interface JudgedPair {
  pair: PairRecord;
  label: MergedLabel;
  /** 1: the first picture is better, 0: the second, 0.5: neither. */
  label0: 0 | 0.5 | 1;
}

export interface LeftOut {
  unjudged: number;
  bothBad: number;
  skip: number;
  tie: number;
}

export function judgedPairs(
  pairs: readonly PairRecord[],
  byPair: ReadonlyMap<string, MergedLabel>,
  keepTies: boolean,
): { rows: JudgedPair[]; leftOut: LeftOut } {
  const leftOut: LeftOut = { unjudged: 0, bothBad: 0, skip: 0, tie: 0 };
  const rows = pairs.flatMap((pair): JudgedPair[] => {
    const label = byPair.get(pair.id);
    const winner = label && winnerOf(label);
    if (winner === 0 || winner === 1) return [{ pair, label: label!, label0: winner === 0 ? 1 : 0 }];
    if (label?.answer === 'tie' && keepTies) return [{ pair, label, label0: 0.5 }];
    leftOut[(label?.answer as keyof LeftOut | undefined) ?? 'unjudged']++;
    return [];
  });
  return { rows, leftOut };
}

export type Field = string | number | boolean | null;

/** What the row said when it came, by the field's names. What depends on the label says what the label says now. */
export function fieldsOf({ pair, label, label0 }: JudgedPair): Readonly<Record<string, Field>> {
  const fields = pair.source?.fields ?? {};
  // Of several who came with it, what they come to is no row's own word.
  if (raterKindOf(label.by) === 'import' && !label.raters) return fields;
  const now: Record<string, Field> = {
    label_0: label0,
    label_1: 1 - label0,
    has_label: label0 !== 0.5,
    best_image_uid: bestUid(fields['image_0_uid'], fields['image_1_uid'], label0),
    prefer_0: label0 === 1,
    prefer_1: label0 === 0,
  };
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, name in now ? now[name]! : value]));
}

/** Pick-a-Pic's app writes "none" where neither won. */
export const bestUid = (uid0: Field | undefined, uid1: Field | undefined, label0: number): Field =>
  label0 === 0.5 ? 'none' : ((label0 === 1 ? uid0 : uid1) ?? null);

/** What a picture is said to have been made with; '' where nothing is. */
export function modelNameOf(image: PairImage): string {
  if (isForeign(image)) return image.madeWith ?? '';
  const adapters = image.model.adapters.map((adapter) => nameOf(adapter.kind === 'file' ? adapter.file : adapter.run));
  return [nameOf(image.model.base), ...adapters].join('+');
}

/** With the point, in small letters. */
export const endingOf = (image: PairImage): string => /\.[a-z0-9]{1,5}$/i.exec(image.file)?.[0].toLowerCase() ?? '.png';

/** As it lies there, byte for byte. */
export const pictureOf = (files: Pick<FileStore, 'read'>, image: PairImage): Promise<Uint8Array<ArrayBuffer>> =>
  files.read(image.file);

/** Nobody's prompt is in two splits. Which go is drawn by the prompts themselves, so that a set that grows keeps most of its split. */
export async function splitByPrompt(
  rows: readonly JudgedPair[],
  validation: number,
): Promise<{ train: JudgedPair[]; validation: JudgedPair[] }> {
  const prompts = [...new Set(rows.map(({ pair }) => pair.prompt))];
  const wanted = Math.round(validation * prompts.length);
  const count = validation > 0 ? Math.min(Math.max(1, wanted), prompts.length - 1) : 0;
  const keyed = await Promise.all(prompts.map(async (prompt) => ({ prompt, key: await keyOf(prompt) })));
  const held = new Set(
    keyed
      .toSorted((a, b) => (a.key < b.key ? -1 : 1))
      .slice(0, count)
      .map(({ prompt }) => prompt),
  );
  const isHeld = ({ pair }: JudgedPair): boolean => held.has(pair.prompt);
  return { train: rows.filter((row) => !isHeld(row)), validation: rows.filter(isHeld) };
}

async function keyOf(prompt: string): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(prompt)));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
