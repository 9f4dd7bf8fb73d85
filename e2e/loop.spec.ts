/** A person's first visit, from a fresh profile to an exported LoRA; with the other reference provider as far as the trained run. Nothing is mocked: the embedded
 *  model, our kernels, onnxruntime, the browser's own storage. */
import { readFileSync } from 'node:fs';
import { expect, type Page, test } from '@playwright/test';
import { unzipSync } from 'fflate';
import { openSafetensors } from '../src/data/formats/safetensors.ts';
import { encodeF16 } from '../src/shared/float16.ts';
import { answer } from './answer.ts';
import { field, fields } from './field.ts';

/** Everything the page and its workers ask for, and every complaint. */
function watch(page: Page): { hosts: Set<string>; complaints: string[] } {
  const seen = { hosts: new Set<string>(), complaints: [] as string[] };
  page.context().on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http')) seen.hosts.add(url.hostname);
  });
  page.on('pageerror', (error) => seen.complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') seen.complaints.push(message.text());
  });
  return seen;
}

async function judge(page: Page, count: number): Promise<void> {
  const keys = ['ArrowLeft', 'ArrowRight'] as const;
  const counter = page.getByText(/^\d+ labels?$/);
  for (let i = 0; i < count; i++) {
    const before = (await counter.textContent()) ?? '';
    await answer(page, keys[i % 2]!);
    await expect(counter).not.toHaveText(before);
  }
}

for (const reference of ['engine', 'onnx'] as const) {
  test(reference === 'engine' ? 'the whole loop' : 'a first run with the onnx reference', async ({ page }) => {
    test.setTimeout(20 * 60_000);
    const seen = watch(page);

    // Start: a pair is there at once; the first answer counts.
    await page.goto('/');
    await expect(page.getByRole('heading', { name: 'Teach an image model your taste.' })).toBeVisible();
    await answer(page, 'ArrowLeft');
    await expect(page.getByText('Measured here')).toBeVisible({ timeout: 300_000 });

    // Label: by keyboard, with a tie taken back.
    await page.goto('/#/label');
    await expect(page.getByText('1 label', { exact: true })).toBeVisible();
    await judge(page, 5);
    await answer(page, 'ArrowDown');
    await expect(page.getByText(/1 tie/)).toBeVisible();
    await page.keyboard.press('Backspace');
    await expect(page.getByText(/1 tie/)).toBeHidden();
    await expect(page.getByText('6 usable', { exact: true })).toBeVisible();

    // Generate: one image with our own kernels, then a pair of one's own.
    await page.goto('/#/generate');
    await field(page, 'Images', '1');
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await field(page, 'Steps', '2');
    if (reference === 'engine') await page.getByText('Our kernels', { exact: true }).click();
    await page.getByRole('textbox', { name: 'Prompt', exact: true }).fill('a red house in the hills');
    await page.keyboard.press('Control+Enter');
    await expect(
      page.getByRole('figure', { name: 'Current image' }).getByRole('img', { name: /, seed \d+$/ }),
    ).toBeVisible({ timeout: 300_000 });
    await page.getByText('Fastest', { exact: true }).click();
    await field(page, 'Pairs', '1');
    await page.getByRole('button', { name: 'Make 1 pair' }).click();
    await expect(page.getByRole('link', { name: /Judge the 19 pairs/ })).toBeVisible({ timeout: 120_000 });
    await page.goto('/#/label');
    await judge(page, 1);

    // Train: the tab dies in the middle, the run goes on from its last save, and is stopped and kept.
    await page.goto('/#/train');
    await page.getByRole('button', { name: 'More: every setting' }).click();
    // Long enough that even a fast GPU is still at it when the tab dies.
    await fields(page, {
      Rank: '2',
      Alpha: '2',
      'Warm-up steps': '0',
      Steps: '1000',
      'Pairs per step': '1',
      'Save every': '2',
      'Sample every': '1000',
      'Sample seeds': '0',
    });
    await page.getByRole('textbox', { name: 'Sample prompts' }).fill('a red house in the hills');
    await page.getByRole('combobox', { name: 'Reference' }).click();
    await page.getByRole('option', { name: reference === 'engine' ? 'Our kernels' : 'onnxruntime' }).click();
    await page.getByRole('button', { name: 'Start training' }).click();
    await expect(page.getByTestId('started-at')).toContainText('started at 0.693 ✓', { timeout: 300_000 });
    if (reference === 'engine') await expect(page.getByTestId('started-at')).toContainText('0 exactly');
    const steps = async (): Promise<number> => (await readMetrics(page)).length;
    await expect.poll(steps, { timeout: 300_000 }).toBeGreaterThanOrEqual(3);
    const before = await readMetrics(page);
    await page.reload();
    await page.getByRole('button', { name: 'Resume' }).first().click({ timeout: 180_000 });
    await expect(page.getByText(/resumed at step \d+, optimiser restored/)).toBeVisible({ timeout: 300_000 });
    await expect.poll(steps, { timeout: 300_000 }).toBeGreaterThan(before.length);
    await page.getByRole('button', { name: 'Stop and keep' }).click();
    await expect(page.getByRole('link', { name: 'Compare with base' })).toBeVisible({ timeout: 120_000 });
    const after = await readMetrics(page);
    expect(after.map(({ step }) => step)).toEqual(after.map((_, i) => i));
    // What was done before the reload stands, and what was done again came out the same.
    before.forEach((metrics, i) => expect({ ...after[i], elapsedMs: 0 }).toEqual({ ...metrics, elapsedMs: 0 }));

    const quiet = (): void => {
      expect([...seen.hosts]).toEqual(['localhost']);
      expect(seen.complaints).toEqual([]);
    };
    // What comes after knows nothing of the reference.
    if (reference === 'onnx') return quiet();

    // Compare: base and tuned side by side, then blind by keyboard.
    await page.getByRole('link', { name: 'Compare with base' }).click();
    await page.getByRole('button', { name: 'As on Generate' }).click();
    await expect(page.getByText(/^2 steps · guidance/)).toBeVisible();
    await page.getByRole('button', { name: /^Make \d+ images/ }).click();
    await expect(page.getByText('All images are here')).toBeVisible({ timeout: 300_000 });
    await page.getByText('Together', { exact: true }).click();
    await expect(page.getByRole('img', { name: /^[AB]: .+, seed \d+$/ })).toHaveCount(4);
    await page.getByText('Side by side', { exact: true }).click();
    await page.getByRole('button', { name: /^Have \d+ pictures judged/ }).click();
    await expect(page.getByRole('button', { name: 'All is judged' })).toBeVisible({ timeout: 120_000 });
    await expect(
      page.getByText(/pictures of each model over \d+ prompts, gains and wins over the first/),
    ).toBeVisible();
    await field(page, 'Comparisons', '2');
    await page.getByRole('button', { name: 'Start the blind test' }).click();
    for (const [index, key] of (['ArrowLeft', 'ArrowRight'] as const).entries()) {
      // An answer is on disk before the next two show: pressed before, it counts for nothing.
      await expect(page.getByText(`${index + 1} of 2`, { exact: true })).toBeVisible({ timeout: 120_000 });
      await answer(page, key);
    }
    await expect(page.getByText(/95 %/).first()).toBeVisible({ timeout: 120_000 });
    await page.getByRole('button', { name: 'Back to compare' }).click();

    // Take away: a LoRA file that is one.
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'LoRA', exact: true }).click();
    const bytes = readFileSync(await (await download).path());
    const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE())).toString()) as Record<
      string,
      unknown
    >;
    expect(Object.keys(header)).toContain('lora_unet_conv_in.lora_down.weight');

    // And the merged model, whole: as a folder, and as one checkpoint.
    const take = async (name: string): Promise<Buffer> => {
      const taken = page.waitForEvent('download');
      await page.getByRole('button', { name, exact: true }).click();
      return readFileSync(await (await taken).path());
    };
    const folder = unzipSync(await take('Whole model'));
    const paths = Object.keys(folder).map((path) => path.replace(/^[^/]+\//, ''));
    expect(paths).toEqual(
      expect.arrayContaining([
        'model_index.json',
        'unet/diffusion_pytorch_model.safetensors',
        'vae/diffusion_pytorch_model.safetensors',
        'text_encoder/model.safetensors',
        'tokenizer/tokenizer.json',
      ]),
    );
    const checkpoint = await openSafetensors(await take('Checkpoint'));
    const merged = await openSafetensors(
      Object.entries(folder).find(([path]) => path.endsWith('/unet/diffusion_pytorch_model.safetensors'))![1],
    );
    // The embedded model is kept in f16, and so is its checkpoint.
    expect(await checkpoint.readHalf('model.diffusion_model.input_blocks.0.0.weight')).toEqual(
      encodeF16(await merged.read('conv_in.weight')),
    );

    quiet();
  });
}

/** metrics.jsonl of the only run, as the origin's private files hold it. */
async function readMetrics(page: Page): Promise<{ step: number; loss: number; elapsedMs: number }[]> {
  const text = await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const runs = await (await root.getDirectoryHandle('winnow')).getDirectoryHandle('runs');
    for await (const run of runs.values()) {
      if (run.kind === 'directory')
        return (await (await (run as FileSystemDirectoryHandle).getFileHandle('metrics.jsonl')).getFile()).text();
    }
    return '';
  });
  // The last line may be half written.
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { step: number; loss: number; elapsedMs: number });
}
