/** The library with ten thousand pictures: found, starred, taken along, deleted; and the current one large on Generate. */
import { readFile } from 'node:fs/promises';
import { expect, type Page, test } from '@playwright/test';
import { ZipReader, BlobReader } from '@zip.js/zip.js';

/** As many records as asked for, of the pictures that came with the studio. */
async function fill(page: Page, count: number): Promise<void> {
  await page.goto('/');
  await expect(page.getByRole('button', { name: 'Left image is better' })).toBeVisible();
  await page.evaluate(async (records) => {
    const pairs = (await (await fetch('./pairs/pairs.json')).json()) as {
      images: { file: string; latentsFile: string }[];
    }[];
    const own = pairs
      .flatMap(({ images }) => images)
      .map((image) => ({
        ...image,
        file: `pairs/${image.file.split('/').at(-1)}`,
        latentsFile: `pairs/${image.latentsFile.split('/').at(-1)}`,
      }));
    const database = await new Promise<IDBDatabase>((resolve) => {
      const opened = indexedDB.open('winnow');
      opened.onsuccess = () => resolve(opened.result);
    });
    const writing = database.transaction('images', 'readwrite');
    for (let i = 0; i < records; i += 1)
      writing.objectStore('images').put({
        ...own[i % own.length],
        id: `n${i}`,
        prompt: `a house number ${i}`,
        seed: i,
        createdAt: new Date(Date.UTC(2026, 0, 1, 0, i)).toISOString(),
      });
    await new Promise((resolve) => (writing.oncomplete = resolve));
    database.close();
  }, count);
  await page.reload();
}

test('a library of ten thousand pictures holds in the page what is in sight, and finds the rest', async ({ page }) => {
  await fill(page, 10_000);
  await page.goto('/#/library');
  await expect(page.getByText('10000 images')).toBeVisible();
  const cells = page.getByRole('list', { name: 'Images' }).getByRole('listitem');
  await expect(page.getByRole('button', { name: 'Open image: a house number 9999, seed 9999' })).toBeVisible();
  expect(await cells.count()).toBeLessThan(120);
  // All the way down lies the oldest, and it is the last of its list.
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  const oldest = page.getByRole('button', { name: 'Open image: a house number 0, seed 0' });
  await expect(oldest).toBeVisible();
  await expect(cells.last()).toHaveAttribute('aria-posinset', '10000');
  expect(await cells.count()).toBeLessThan(120);

  // Stars outlive a reload, and are found.
  await oldest.hover();
  await page.getByRole('button', { name: 'Star: a house number 0, seed 0', exact: true }).click();
  await expect(page.getByRole('button', { name: 'Starred: a house number 0, seed 0' })).toBeVisible();
  await page.getByRole('textbox', { name: 'Find', exact: true }).fill('number 4321');
  await page.getByRole('button', { name: 'Open image: a house number 4321, seed 4321' }).click();
  await page.keyboard.press('.');
  await expect(page.getByRole('button', { name: 'Take the star away' })).toBeVisible();
  await page.keyboard.press('Escape');
  await page.reload();
  await page.getByRole('switch', { name: 'Starred only' }).click({ force: true });
  await expect(page.getByText('2 of 10000')).toBeVisible();
  await page.getByRole('combobox', { name: 'Order' }).click();
  await page.getByRole('option', { name: 'Oldest first' }).click();
  await expect(cells.first().getByRole('button', { name: /^Open/ })).toHaveAccessibleName(
    'Open image: a house number 0, seed 0',
  );
});

test('several pictures are selected with Shift, saved as one zip, and deleted', async ({ page }) => {
  await fill(page, 40);
  await page.goto('/#/library');
  const box = (seed: number) =>
    page.getByRole('checkbox', { name: `Select image: a house number ${seed}, seed ${seed}` });
  await box(39).check({ force: true });
  await box(36).click({ force: true, modifiers: ['Shift'] });
  const bar = page.getByRole('toolbar', { name: 'Selected images' });
  await expect(bar.getByText('4 selected')).toBeVisible();
  const saved = page.waitForEvent('download');
  await bar.getByRole('button', { name: 'Save as zip' }).click();
  const bytes = await readFile(await (await saved).path());
  const entries = await new ZipReader(new BlobReader(new Blob([bytes]))).getEntries();
  expect(entries.map(({ filename }) => filename)).toEqual(
    [39, 38, 37, 36].map((seed) => `a house number ${seed}-${seed}.png`),
  );
  await bar.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete 4 images' }).click();
  await expect(page.getByText('36 images')).toBeVisible();
  await expect(bar).toBeHidden();
});

test('Generate shows the current picture large, and those before it as a strip', async ({ page }) => {
  await fill(page, 300);
  await page.goto('/#/generate');
  const current = page.getByRole('figure', { name: 'Current image' });
  await expect(current.getByRole('img', { name: 'a house number 299, seed 299' })).toBeVisible();
  await page.keyboard.press('ArrowRight');
  await expect(current.getByRole('img', { name: 'a house number 298, seed 298' })).toBeVisible();
  expect(page.url()).toContain('#/generate/image/n298');
  const history = page.getByRole('region', { name: 'History' });
  expect(await history.getByRole('listitem').count()).toBeLessThan(40);
  await history.getByRole('button', { name: 'Show image: a house number 297, seed 297' }).click();
  await expect(current.getByRole('img', { name: 'a house number 297, seed 297' })).toBeVisible();
  // Its settings come over, and it stays in view.
  await page.keyboard.press('a');
  await expect(page.getByRole('textbox', { name: 'Prompt', exact: true })).toHaveValue('a house number 297');
  await expect(page.getByLabel('Seed', { exact: true })).toHaveValue('297');
  await expect(current.getByText('3 of 300')).toBeVisible();
});

test('a small picture is shown smooth, or each pixel as a whole number of the screen’s', async ({ page }) => {
  await fill(page, 2);
  await page.goto('/#/generate');
  const picture = page.getByRole('figure', { name: 'Current image' }).getByRole('img');
  await expect(picture).toBeVisible();
  const smooth = await picture.evaluate((image: HTMLImageElement) => image.naturalWidth);
  await page.keyboard.press('x');
  // The picture's own pixels, where a smooth one is four times as large.
  const own = smooth / 4;
  await expect(picture).toHaveJSProperty('naturalWidth', own);
  await expect(picture).toHaveCSS('image-rendering', 'pixelated');
  const { width } = (await picture.boundingBox())!;
  expect(width % own).toBe(0);
  expect(width).toBeGreaterThan(own);
});
