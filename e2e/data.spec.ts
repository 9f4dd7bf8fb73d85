/** The Data screen: preferences of others in and out, several people, and everything as one file on another computer. */
import { readFile } from 'node:fs/promises';
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page, test } from '@playwright/test';
import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { LabelEvent } from '../src/records/labels.ts';
import type { PairRecord } from '../src/records/pairs.ts';
import { answer } from './answer.ts';
import { fields } from './field.ts';

async function axeFindsNothing(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
    .analyze();
  expect(violations.map(({ id, nodes }) => `${id} at ${nodes[0]?.target.join(' ')}`)).toEqual([]);
}

const raters = (page: Page): Promise<string[]> =>
  page.getByRole('region', { name: 'What each rater said' }).getByRole('row').allInnerTexts();

async function judge(page: Page, ...keys: Parameters<typeof answer>[1][]): Promise<void> {
  for (const key of keys) {
    const before = await page.getByRole('main').locator('img').first().getAttribute('src');
    await answer(page, key);
    await expect(page.getByRole('main').locator('img').first()).not.toHaveAttribute('src', before!);
  }
}

test('two people judge; saved as a project and brought back elsewhere, all is as it was', async ({ page, browser }) => {
  await page.goto('/#/label');
  await judge(page, 'ArrowLeft', 'ArrowRight', 'ArrowDown');
  await page.goto('/#/data');
  await page.getByLabel('Another person').fill('Ann');
  await page.getByLabel('Another person').press('Enter');
  await expect(page.getByText('Ann judges now')).toBeVisible();
  await page.goto('/#/label');
  await expect(page.getByText('Ann judges', { exact: true })).toBeVisible();
  await judge(page, 'ArrowLeft', 'ArrowRight');
  // One key, and it is somebody else's turn.
  await page.keyboard.press('r');
  await expect(page.getByText('Me judges', { exact: true })).toBeVisible();
  await page.goto('/#/data');
  await expect(page.getByText('Cohen’s kappa').or(page.getByText("Cohen's kappa"))).toBeVisible();
  const before = await raters(page);
  expect(before).toHaveLength(4);

  const saving = page.waitForEvent('download');
  await page.getByRole('button', { name: /^Save the project/ }).click();
  const project = await (await saving).path();

  const elsewhere = await browser.newContext();
  const there = await elsewhere.newPage();
  await there.goto('/#/data');
  await expect(there.getByText('Nobody has labelled anything yet.')).toBeVisible();
  await there.locator('input[type=file][accept*=zip]').setInputFiles(project);
  await expect(there.getByText('is whole.')).toBeVisible();
  await expect(there.getByText(/New here: 5 label events/)).toBeVisible();
  await there.getByRole('button', { name: 'Bring it back' }).click();
  await expect(there.getByText(/5 label events, 0 runs/)).toBeVisible();
  expect(await raters(there)).toEqual(before);
  await expect(there.getByRole('button', { name: 'Remove Ann; the labels stay' })).toBeVisible();
  // A second time it brings nothing.
  await there.locator('input[type=file][accept*=zip]').setInputFiles(project);
  await expect(there.getByText('Everything in it is here already.')).toBeVisible();
  await there.goto('/#/label');
  await there.reload();
  await expect(there.getByText('3 labels', { exact: true })).toBeVisible();
  await elsewhere.close();
});

type Row = Record<string, unknown>;

async function rowsOf(file: string): Promise<Row[]> {
  const bytes = await readFile(file);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return parquetReadObjects({ file: buffer, compressors, utf8: false });
}

/** As the page's database has them. */
const stored = <T>(page: Page, store: string): Promise<T[]> =>
  page.evaluate(
    (name) =>
      new Promise<never[]>((resolve, reject) => {
        const opening = indexedDB.open('winnow');
        opening.addEventListener('error', () => reject(opening.error ?? new Error('no database')));
        opening.addEventListener('success', () => {
          const asked = opening.result.transaction(name).objectStore(name).getAll();
          asked.addEventListener('success', () => {
            opening.result.close();
            resolve(asked.result as never[]);
          });
        });
      }),
    store,
  );

/** Judges the pair on screen as its row says; sides are drawn anew at every showing. @returns the row. */
async function judgeAsItCame(page: Page, rows: readonly Row[]): Promise<number> {
  for (;;) {
    const before = (await stored<LabelEvent>(page, 'labels')).length;
    await answer(page, 'ArrowLeft');
    await expect.poll(async () => (await stored(page, 'labels')).length).toBe(before + 1);
    const event = (await stored<LabelEvent>(page, 'labels')).at(-1)!;
    if (event.type !== 'label') throw new Error('no label was written');
    const pair = (await stored<PairRecord>(page, 'pairs')).find(({ id }) => id === event.pair)!;
    const { row } = pair.source!;
    if (rows[row]!['label_0'] === (event.shownLeft === 0 ? 1 : 0)) return row;
    await page.keyboard.press('Backspace');
    await expect.poll(async () => (await stored(page, 'labels')).length).toBe(before + 2);
    if (rows[row]!['label_0'] === 0.5) {
      await answer(page, 'ArrowDown');
      await expect.poll(async () => (await stored(page, 'labels')).length).toBe(before + 3);
      return row;
    }
  }
}

async function trainTwoSteps(page: Page): Promise<void> {
  await page.goto('/#/train');
  await page.getByRole('button', { name: 'More: every setting' }).click();
  await fields(page, {
    Rank: '2',
    Alpha: '2',
    'Warm-up steps': '0',
    Steps: '2',
    'Pairs per step': '1',
    'Sample every': '0',
  });
  await page.getByRole('button', { name: 'Start training' }).click();
  await expect(page.getByTestId('started-at')).toContainText('started at 0.693 ✓', { timeout: 300_000 });
  await expect(page.getByRole('link', { name: 'Compare with base' })).toBeVisible({ timeout: 300_000 });
}

test('a parquet file is dropped, looked at, brought in, judged again, trained on, and goes out as it came', async ({
  page,
}) => {
  const file = 'tools/preferences/fixtures/codecs/pickapic-zstd.parquet';
  const rows = await rowsOf(file);
  await page.goto('/');
  await expect(page.getByRole('button', { name: 'Left image is better' })).toBeVisible();
  const bytes = (await readFile(file)).toString('base64');
  const seen = page.getByRole('region', { name: 'What is in mine.parquet' });
  // What takes files comes after the first pair.
  await expect(async () => {
    await page.evaluate((base64) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], 'mine.parquet'));
      for (const type of ['dragover', 'drop'])
        window.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
    }, bytes);
    await expect(seen).toBeVisible({ timeout: 3000 });
  }).toPass({ timeout: 60_000 });
  await expect(seen.getByText('read as Pick-a-Pic')).toBeVisible();
  await expect(seen.getByRole('list', { name: 'The first rows' }).getByRole('listitem')).toHaveCount(4);
  await expect(seen.locator('[data-preferred]')).toHaveCount(3);
  await expect(seen.locator('dl')).toContainText('Usable3');
  expect((await stored<PairRecord>(page, 'pairs')).filter(({ origin }) => origin === 'imported')).toEqual([]);
  await axeFindsNothing(page);

  // By keyboard alone.
  await seen.getByRole('button', { name: 'Bring them in' }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByText('4 pairs: 3 with a preference, 1 tie, by 3 raters.')).toBeVisible();
  await page.getByRole('link', { name: 'Judge some of them' }).focus();
  await page.keyboard.press('Enter');
  const lists = page.getByRole('radiogroup', { name: 'Which pairs' });
  await expect(lists.getByText('Came labelled 4')).toBeVisible();
  const again = new Set([await judgeAsItCame(page, rows), await judgeAsItCame(page, rows)]);
  await expect(lists.getByText('Came labelled 2')).toBeVisible();
  await trainTwoSteps(page);

  await page.goto('/#/data');
  await page.getByRole('switch', { name: 'Write ties too' }).check({ force: true });
  const taking = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Pick-a-Pic', exact: true }).click();
  const taken = await rowsOf(await (await taking).path());
  // Who judged, and when, is said anew of the two that were judged anew.
  const said = (all: readonly Row[]): Row[] =>
    all.map((row, i) => (again.has(i) ? { ...row, user_id: null, created_at: null } : row));
  expect(Object.keys(taken[0]!)).toHaveLength(19);
  expect(said(taken)).toEqual(said(rows));
  for (const i of again) expect(taken[i]!['created_at']).not.toEqual(rows[i]!['created_at']);
});
