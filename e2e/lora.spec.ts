/** LoRAs as people have them, dropped on the window: in a folder with PEFT's config, in old keys, with a text encoder; and what is none. */
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';

const reference = join(import.meta.dirname, '../tools/reference');
const lora = (name: string): string => join(reference, 'lora-files', name);

/** Files or folders by their paths, let go over the window as from the desktop. */
async function drop(page: Page, ...paths: string[]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await session.send('Input.dispatchDragEvent', {
      type,
      x: 600,
      y: 400,
      data: { items: [], files: paths, dragOperationsMask: 1 },
    });
  await session.detach();
}

test('a LoRA is dropped, and says what it holds', async ({ page }) => {
  test.setTimeout(15 * 60_000);
  await page.goto('/');
  await expect(page.getByText('Measured here')).toBeVisible({ timeout: 300_000 });
  await page.goto('/#/models');
  await page
    .locator('input[webkitdirectory]')
    .first()
    .setInputFiles(join(reference, 'cases/pipeline-text-to-image/pipeline'));
  await expect(page.getByRole('heading', { name: 'pipeline', exact: true })).toBeVisible({ timeout: 60_000 });
  await page.getByRole('button', { name: 'Use this model' }).click();
  await page.goto('/#/generate');

  const holds = (text: string) => expect(page.getByRole('main').getByText(text, { exact: true })).toBeVisible();
  await drop(page, join(lora('kohya-sd1'), 'pytorch_lora_weights.safetensors'));
  await holds('Rank 2 · UNet, 33 layers · text encoder, 12 layers');
  // Without its config its strength is not known.
  await drop(page, join(lora('peft-folder'), 'adapter_model.safetensors'));
  await expect(page.getByText(/adapter_config\.json, and that is not beside it/)).toBeVisible();
  await drop(page, join(lora('kohya-xl'), 'pytorch_lora_weights.safetensors'));
  await expect(page.getByText(/keys this model has no layer for/)).toBeVisible();

  await drop(page, join(lora('processors-without-unet'), 'pytorch_lora_weights.safetensors'));
  await holds('Rank 2 · UNet, 24 layers');
  await drop(page, lora('peft-folder-text-encoder'));
  await holds('Rank 2 · text encoder, 6 layers');
  await drop(
    page,
    join(lora('peft-folder'), 'adapter_config.json'),
    join(lora('peft-folder'), 'adapter_model.safetensors'),
  );
  await holds('Rank 2 · UNet, 30 layers');
});
