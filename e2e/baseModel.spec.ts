/** A person's own models: brought in from a folder, from a single file or from a hub, used, and deleted. Tiny pipelines with random weights, as
 *  diffusers writes them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page, test } from '@playwright/test';
import { startTestHub } from '../tools/testHub.ts';
import { answer } from './answer.ts';
import { field, fields } from './field.ts';

const cases = join(import.meta.dirname, '../tools/reference/cases');
const tinyV = join(cases, 'pipeline-tiny-v/pipeline');

async function openModels(page: Page): Promise<void> {
  await page.goto('/');
  await expect(page.getByText('Measured here')).toBeVisible({ timeout: 300_000 });
  await page.goto('/#/models');
  await expect(page.getByRole('button', { name: 'A folder' })).toBeEnabled();
}

const fact = (page: Page, name: string) =>
  page
    .locator('dl > div')
    .filter({ has: page.locator('dt', { hasText: new RegExp(`^${name}$`) }) })
    .locator('dd');

/** Files or folders by their paths, let go over the window as from the desktop. */
async function drop(page: Page, path: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const send = (type: 'dragEnter' | 'dragOver' | 'drop') =>
    session.send('Input.dispatchDragEvent', {
      type,
      x: 600,
      y: 400,
      data: { items: [], files: [path], dragOperationsMask: 1 },
    });
  await send('dragEnter');
  await send('dragOver');
  // A page that is busy has not yet said that it takes the file: a drop would be lost.
  await expect(page.getByText(/^Drop a model folder or file/)).toBeVisible();
  await send('dragOver');
  await send('drop');
  await session.detach();
}

async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
    .analyze();
  expect(violations.map(({ id, nodes }) => `${id} at ${nodes[0]?.target.join(' ')}`)).toEqual([]);
}

test('a folder is read, used and deleted', async ({ page }) => {
  test.setTimeout(10 * 60_000);
  await openModels(page);

  // What was read of it.
  await page.locator('input[webkitdirectory]').first().setInputFiles(tinyV);
  await expect(page.getByRole('heading', { name: 'pipeline', exact: true })).toBeVisible({ timeout: 60_000 });
  await expect(fact(page, 'Pipeline')).toHaveText('StableDiffusionPipeline');
  await expect(fact(page, 'Predicts')).toHaveText('velocity (v)');
  await expect(fact(page, 'Precision')).toHaveText('32 bits (f32)');
  await expect(fact(page, 'Made for')).toContainText('32 px, multiples of 4');
  await expect(fact(page, 'From')).toContainText('this computer');
  await expect(
    page.getByRole('region', { name: 'Train a LoRA' }).getByText('within limits', { exact: true }),
  ).toBeVisible({ timeout: 60_000 });
  await expectAccessible(page);

  // In use, its size and defaults are on the Generate screen, and it makes a picture.
  await page.getByRole('button', { name: 'Use this model' }).click();
  await page.goto('/#/generate');
  await page.getByRole('button', { name: 'More', exact: true }).click();
  await expect(page.getByRole('textbox', { name: 'Width' })).toHaveValue('32');
  await expect(page.getByRole('textbox', { name: 'Steps' })).toHaveValue('30');
  await field(page, 'Steps', '2');
  await field(page, 'Guidance rescale', '0.7');
  await field(page, 'Images', '1');
  await page.getByText('Our kernels', { exact: true }).click();
  await page.getByRole('textbox', { name: 'Prompt', exact: true }).fill('golden light, the tall tree');
  await page.keyboard.press('Control+Enter');
  await expect(
    page.getByRole('figure', { name: 'Current image' }).getByRole('img', { name: /, seed \d+$/ }),
  ).toBeVisible({ timeout: 300_000 });

  // Labels of the embedded model's pairs do not train it.
  await page.goto('/#/label');
  await expect(page.getByText('pipeline does not learn from them.')).toBeVisible();
  await answer(page, 'ArrowLeft');
  await expect(page.getByText(/1 of other models/)).toBeVisible();
  await page.goto('/#/train');
  await expect(page.getByText(/1 judged pair of other models is left out/)).toBeVisible();

  // Its own pairs come first, and train it.
  await page.goto('/#/generate');
  await field(page, 'Pairs', '1');
  await page.getByRole('button', { name: 'Make 1 pair' }).click();
  await expect(page.getByRole('link', { name: 'Judge the 1 pair that wait' })).toBeVisible({ timeout: 120_000 });
  await page.goto('/#/label');
  await page.getByRole('button', { name: 'Judge its own' }).click();
  await expect(page.getByText('pipeline does not learn from them.')).toBeHidden();
  await answer(page, 'ArrowRight');
  await expect(page.getByText('1 usable', { exact: true })).toBeVisible();
  await page.goto('/#/train');
  await expect(page.getByText('Left out: 1 pair of other models.')).toBeVisible();
  await page.getByRole('button', { name: 'More: every setting' }).click();
  await fields(page, {
    Rank: '2',
    'Warm-up steps': '0',
    Steps: '2',
    'Sample every': '0',
  });
  await page.getByRole('button', { name: 'Start training' }).click();
  await expect(page.getByTestId('started-at')).toContainText('started at 0.693 ✓', { timeout: 300_000 });
  await expect(page.getByRole('link', { name: 'Compare with base' })).toBeVisible({ timeout: 120_000 });

  // It leaves as one file in the layout that other tools read.
  await page.getByRole('link', { name: 'Compare with base' }).click();
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Checkpoint', exact: true }).click();
  const bytes = readFileSync(await (await download).path());
  const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE())).toString()) as Record<
    string,
    unknown
  >;
  expect(Object.keys(header)).toContain('model.diffusion_model.input_blocks.0.0.weight');

  // The choice outlives a reload, and what was set for each model comes back with it.
  await page.reload();
  await page.goto('/#/models');
  await expect(page.getByRole('button', { name: /^pipeline.*in use/ })).toBeVisible({ timeout: 180_000 });
  await page.getByRole('button', { name: /Postcard/ }).click();
  await page.getByRole('button', { name: 'Use this model' }).click();
  await page.goto('/#/generate');
  await page.getByRole('button', { name: 'More', exact: true }).click();
  await expect(page.getByRole('textbox', { name: 'Width' })).toHaveValue('128');
  await expect(page.getByRole('textbox', { name: 'Steps' })).toHaveValue('12');
  await page.goto('/#/models');
  await page.getByRole('button', { name: /^pipeline/ }).click();
  await page.getByRole('button', { name: 'Use this model' }).click();
  await page.goto('/#/generate');
  await page.getByRole('button', { name: 'More', exact: true }).click();
  await expect(page.getByRole('textbox', { name: 'Steps' })).toHaveValue('2');

  // Deleted, it makes room, and the embedded model is in use again.
  await page.goto('/#/models');
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await expect(page.getByRole('dialog')).toContainText(
    /frees \d+ KB\. 1 run needs it and cannot be used until it is back/,
  );
  await page.getByRole('button', { name: 'Delete pipeline' }).click();
  await expect(page.getByText('pipeline is not here any more')).toBeVisible();
  await expect(page.getByRole('button', { name: /Postcard.*in use/ })).toBeVisible();
  await expect(page.getByRole('button', { name: /^pipeline/ })).toBeHidden();
});

test('a checkpoint in one file; a model that only makes pictures', async ({ page }) => {
  await openModels(page);
  await page.locator('input[accept=".safetensors"]').setInputFiles(join(cases, '../single-file/sd1.safetensors'));
  await expect(page.getByRole('heading', { name: 'sd1', exact: true })).toBeVisible({ timeout: 60_000 });
  await expect(fact(page, 'Pipeline')).toHaveText('StableDiffusionPipeline');
  await expect(page.getByText('1 file', { exact: true })).toBeVisible();

  // Dropped on another screen, and some folders above the model.
  await page.goto('/#/label');
  await drop(page, join(cases, 'pipeline-lcm'));
  await expect(fact(page, 'Family')).toHaveText('Latent Consistency', { timeout: 60_000 });
  await drop(page, join(cases, '../single-file/xl.safetensors'));
  await expect(fact(page, 'Family')).toHaveText('Stable Diffusion XL', { timeout: 60_000 });
  await page.getByRole('button', { name: /^pipeline-lcm/ }).click();
  await expect(page.getByText(/time_cond_proj_dim/)).toBeVisible();
  await page.getByRole('button', { name: 'Use this model' }).click();
  await page.goto('/#/train');
  await expect(page.getByText('pipeline-lcm can make pictures, and cannot be trained')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Start training' })).toBeHidden();
});

test('a pickle is refused by name, and so is a folder without weights', async ({ page }) => {
  await openModels(page);
  // Dropped anywhere, as from the desktop.
  const data = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array([0x80, 2, 0x7d])], 'model.ckpt'));
    return transfer;
  });
  await page.dispatchEvent('body', 'drop', { dataTransfer: data });
  await expect(page.getByText(/model\.ckpt is a pickle file/)).toBeVisible();

  await page.locator('input[accept=".safetensors"]').setInputFiles({
    name: 'pickle.safetensors',
    mimeType: 'application/octet-stream',
    buffer: Buffer.from([0x80, 2, 0x7d, 0x71, 0, 0x2e, 0, 0, 0, 0]),
  });
  await expect(page.getByRole('alert').getByText(/pickle checkpoint/)).toBeVisible();

  await page.locator('input[webkitdirectory]').first().setInputFiles(join(tinyV, 'scheduler'));
  await expect(page.getByRole('main').getByRole('alert')).toContainText('scheduler has neither a');
});

test('a model of a hub: its plan first, then the download, cut short and continued', async ({ page }) => {
  test.setTimeout(10 * 60_000);
  const unet = 'unet/diffusion_pytorch_model.safetensors';
  const hub = await startTestHub({
    folder: join(cases, 'pipeline-xl/pipeline'),
    id: 'tiny/xl',
    faults: {
      [unet]: [
        { kind: 'drop', after: 40_000 },
        { kind: 'stall', after: 20_000 },
      ],
    },
  });
  try {
    await openModels(page);
    await field(page, 'Or by its Hugging Face id', 'tiny/none');
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await field(page, 'Host', hub.host);
    await page.getByRole('button', { name: 'Look it up' }).click();
    await expect(page.getByRole('alert')).toContainText('tiny/none');

    await field(page, 'Or by its Hugging Face id', hub.id);
    await page.getByRole('button', { name: 'Look it up' }).click();
    await expect(page.getByText(/\d+ files, \d+ KB/)).toBeVisible();
    expect(hub.requests.some(({ path }) => path.endsWith('.safetensors'))).toBe(false);
    await expectAccessible(page);

    // The connection breaks once, is taken up again, and then hangs: cancelled here, the rest waits.
    await page.getByRole('button', { name: /^Download \d+ KB/ }).click();
    await expect(page.getByRole('heading', { name: 'Downloading tiny/xl' })).toBeVisible();
    await expect(page.getByText(/KB of \d+ KB, \d+ %/)).toBeVisible();
    await expect.poll(() => hub.requests.filter(({ path }) => path.endsWith(unet)).length, { timeout: 60_000 }).toBe(2);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await expect(page.getByText('not whole')).toBeVisible({ timeout: 60_000 });
    await page.getByRole('button', { name: /not whole/ }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
    await expect(fact(page, 'Pipeline')).toHaveText('StableDiffusionXLPipeline', { timeout: 60_000 });
    await expect(fact(page, 'Family')).toHaveText('Stable Diffusion XL');
    await expect(fact(page, 'From')).toContainText(`${hub.host}/tiny/xl@${hub.commit}`);
    // Only what was missing came a second time.
    expect(
      hub.requests.some(
        ({ path, range }) => path.endsWith(unet) && range !== undefined && !range.startsWith('bytes=0-'),
      ),
    ).toBe(true);
  } finally {
    await hub.close();
  }
});
