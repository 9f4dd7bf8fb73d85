/** Models from elsewhere: downloaded from a hub on another origin that breaks off, in a tab that is killed, and copied from disk; listed, opened,
 *  deleted. The hub is tools/testHub.ts. */
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { startTestHub } from '../tools/testHub.ts';

const pipeline = join(import.meta.dirname, '..', 'tools', 'reference', 'cases', 'pipeline-tiny-v', 'pipeline');
const unet = 'unet/diffusion_pytorch_model.safetensors';

async function openModels(page: Page): Promise<void> {
  await page.goto('/');
  await page.goto('/#/models');
  // The first start measures kernels.
  await expect(page.getByRole('button', { name: 'A folder' })).toBeEnabled({ timeout: 300_000 });
}

/** Bytes of all files below a model's folder in the browser's private file system, parts too; -1 where there is no such folder. */
const storedBytes = (page: Page, id: string): Promise<number> =>
  page.evaluate(async (id) => {
    const sum = async (folder: FileSystemDirectoryHandle): Promise<number> => {
      let bytes = 0;
      for await (const entry of folder.values())
        bytes +=
          entry.kind === 'file'
            ? (await (entry as FileSystemFileHandle).getFile()).size
            : await sum(entry as FileSystemDirectoryHandle);
      return bytes;
    };
    let folder = await navigator.storage.getDirectory();
    for (const name of ['winnow', 'models', id]) {
      const next = await folder.getDirectoryHandle(name).catch(() => undefined);
      if (!next) return -1;
      folder = next;
    }
    return sum(folder);
  }, id);

test('a model is downloaded over a bad connection by two tabs, one from disk beside it, and both are deleted', async ({
  page,
}) => {
  // The first connection breaks off, the second falls silent; so the tab is killed.
  const hub = await startTestHub({
    folder: pipeline,
    id: 'somebody/tiny-v',
    pageSize: 5,
    redirect: true,
    faults: {
      [unet]: [
        { kind: 'drop', after: 20_000 },
        { kind: 'stall', after: 20_000 },
      ],
    },
  });
  try {
    await openModels(page);
    const lookUp = async (id: string): Promise<void> => {
      await page.getByRole('textbox', { name: 'Or by its Hugging Face id' }).fill(id);
      const host = page.getByRole('textbox', { name: 'Host' });
      if (!(await host.isVisible())) await page.getByText('More', { exact: true }).click();
      await host.fill(hub.host);
      await page.getByRole('button', { name: 'Look it up' }).click();
    };
    await lookUp('somebody/else');
    await expect(page.getByText(/does not exist/).first()).toBeVisible();
    await lookUp('somebody/tiny-v');
    await expect(page.getByText(/^12 files, /)).toBeVisible();
    expect(hub.requests.filter(({ path }) => path.endsWith('.safetensors'))).toEqual([]);
    await page.getByRole('button', { name: /^Download / }).click();
    await expect(page.getByRole('heading', { name: 'Downloading somebody/tiny-v' })).toBeVisible();
    await expect
      .poll(() => hub.requests.filter(({ path }) => path === unet).map(({ range }) => range))
      .toEqual([undefined, 'bytes=20000-']);
    await page.reload();

    await openModels(page);
    await page.getByRole('button', { name: /^tiny-v/ }).click();
    await expect(page.getByText('The download was cut short. It goes on where it stopped.')).toBeVisible();
    await page.getByRole('button', { name: 'Continue' }).click();
    await expect(page.getByText('StableDiffusionPipeline')).toBeVisible();
    // What the second connection brought was not on the disk when the tab was killed.
    expect(hub.requests.filter(({ path }) => path === unet).map(({ range }) => range)).toEqual([
      undefined,
      'bytes=20000-',
      'bytes=20000-',
    ]);
    expect(hub.requests.filter(({ path }) => path === 'preflight')).toEqual([]);
    await expect(page.getByText(`${hub.host}/somebody/tiny-v@${hub.commit}`)).toBeVisible();

    const choosing = page.waitForEvent('filechooser');
    await page.getByRole('button', { name: 'A folder' }).click();
    await (await choosing).setFiles(pipeline);
    await expect(page.getByRole('button', { name: /^pipeline/ })).toBeVisible();
    await expect(page.getByText(/^this computer, /)).toBeVisible();
    expect(await storedBytes(page, 'pipeline')).toBeGreaterThan(140_000);
    expect(await storedBytes(page, 'tiny-v')).toBeGreaterThan(140_000);

    for (const id of ['pipeline', 'tiny-v']) {
      await page.getByRole('button', { name: new RegExp(`^${id}`) }).click();
      await page.getByRole('button', { name: 'Delete', exact: true }).click();
      await page.getByRole('button', { name: `Delete ${id}` }).click();
      await expect(page.getByRole('button', { name: new RegExp(`^${id}`) })).toBeHidden();
      expect(await storedBytes(page, id)).toBe(-1);
    }
  } finally {
    await hub.close();
  }
});
