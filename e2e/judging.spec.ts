/** Judging in a browser: an answer is about what was on screen, and marked on the picture it preferred; and what is judged where a browser keeps
 *  less than it should, or names its language oddly. Needs no GPU. */
import { expect, type Locator, type Page, test } from '@playwright/test';
import { findBrowser } from '../tools/browser.mjs';
import { answer } from './answer.ts';

test.use({
  launchOptions: {
    executablePath: findBrowser({ log: () => {} }),
    args: ['--no-sandbox', '--disable-gpu', '--disable-features=Vulkan,WebGPU', '--disable-background-networking'],
  },
});

const side = (page: Page, name: 'Left' | 'Right'): Locator =>
  page.getByRole('button', { name: `${name} image is better` });
const source = (page: Page, name: 'Left' | 'Right'): Promise<string | null> =>
  side(page, name).locator('img').getAttribute('src');
const labels = (page: Page, count: number): Promise<void> =>
  expect(page.getByText(new RegExp(`^${count} labels?( →|$)`)).first()).toBeVisible();

async function open(page: Page): Promise<string[]> {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto('/');
  await expect(page.getByRole('heading', { name: 'Teach an image model your taste.' })).toBeVisible();
  return complaints;
}

const list = (page: Page, name: RegExp): Promise<void> =>
  page.getByRole('radiogroup', { name: 'Which pairs' }).getByText(name).click();

test('the review marks the picture that was preferred, on whichever side it stands', async ({ page }) => {
  await open(page);
  await expect(side(page, 'Left')).toBeVisible();
  const preferred = await source(page, 'Left');
  await page.keyboard.press('ArrowLeft');
  await labels(page, 1);
  await page.goto('/#/label');
  const sides = new Set<string>();
  for (let i = 0; i < 24 && sides.size < 2; i += 1) {
    await list(page, /^Ties/);
    await list(page, /^Preferred/);
    await expect(side(page, 'Left')).toBeVisible();
    const ringed = page.locator('[data-given]');
    await expect(ringed).toHaveCount(1);
    const name = (await ringed.getAttribute('data-answer')) === 'left' ? 'Left' : 'Right';
    expect(await source(page, name)).toBe(preferred);
    sides.add(name);
  }
  expect(sides.size).toBe(2);
});

test('Start shows what is not judged yet, whatever list is open on Label', async ({ page }) => {
  await open(page);
  await answer(page, 'ArrowRight');
  await labels(page, 1);
  await page.goto('/#/label');
  await list(page, /^Preferred/);
  await page.getByRole('link', { name: 'Start', exact: true }).click();
  await expect(page.locator('[data-given]')).toHaveCount(0);
  await answer(page, 'ArrowLeft');
  await labels(page, 2);
  await page.goto('/#/label');
  await list(page, /^Ties/);
  await page.getByRole('link', { name: 'Start', exact: true }).click();
  await expect(side(page, 'Left')).toBeVisible();
});

test('keys go on judging after a click on a list or a switch', async ({ page }) => {
  await open(page);
  await page.goto('/#/label');
  await answer(page, 'ArrowLeft');
  await labels(page, 1);
  await list(page, /^Preferred 1/);
  await expect(page.locator('[data-given]')).toHaveCount(1);
  await page.keyboard.press('ArrowDown');
  await expect(page.getByText('No pair has this answer.')).toBeVisible();
  await list(page, /^Ties 1/);
  await page.keyboard.press('Backspace');
  await expect(page.getByRole('radio', { name: 'Preferred 1' })).toBeAttached();
  await list(page, /^To judge/);
  await page.getByRole('switch', { name: 'Keep making pairs while I judge' }).click();
  await answer(page, 'ArrowRight');
  await labels(page, 2);
  // By the keyboard it stays a list of its own.
  await page.getByRole('radio', { name: /^To judge/ }).focus();
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('radio', { name: /^Preferred/ })).toBeFocused();
  await expect(page.getByRole('radio', { name: /^Preferred/ })).toBeChecked();
});

test('reviewing says where one is, shows the answer that stands on its picture, and goes on without answering', async ({
  page,
}) => {
  await open(page);
  for (let given = 1; given <= 3; given += 1) {
    await answer(page, given === 2 ? 'ArrowRight' : 'ArrowLeft');
    await labels(page, given);
  }
  await page.goto('/#/label');
  await list(page, /^Preferred 3/);
  await expect(page.getByText('Reviewing 1 of 3')).toBeVisible();
  const mark = page.getByText('Better', { exact: true });
  await expect(mark).toHaveCount(1);
  const ringed = (await page.locator('[data-given]').getAttribute('data-answer')) === 'left' ? 'Left' : 'Right';
  await expect(side(page, ringed).getByText('Better', { exact: true })).toBeVisible();
  await page.keyboard.press('j');
  await page.getByRole('button', { name: 'The next pair (J)' }).click();
  await expect(page.getByText('Reviewing 3 of 3')).toBeVisible();
  await expect(page.getByRole('button', { name: 'The next pair (J)' })).toBeDisabled();
  await page.keyboard.press('k');
  await expect(page.getByText('Reviewing 2 of 3')).toBeVisible();
  await labels(page, 3);
});

test('an answer is confirmed, to the eye and in words', async ({ page }) => {
  await open(page);
  await answer(page, 'ArrowLeft');
  await labels(page, 1);
  await expect(page.getByRole('status').filter({ hasText: 'Left is kept.' })).toBeAttached();
  await expect(page.getByRole('button', { name: 'Left', exact: true }).last().locator('i')).toBeAttached();
  await page.keyboard.press('Backspace');
  await expect(page.getByText('Left is kept.')).toHaveCount(0);
});

test('looking closer by dragging answers nothing', async ({ page }) => {
  await open(page);
  await expect(side(page, 'Left')).toBeVisible();
  await page.keyboard.press('z');
  const box = (await side(page, 'Left').boundingBox())!;
  await page.mouse.move(box.x + 40, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + 120, box.y + 90, { steps: 4 });
  await page.mouse.up();
  await page.waitForTimeout(300);
  await expect(page.getByText(/^1 label/)).toHaveCount(0);
  await side(page, 'Left').click();
  await labels(page, 1);
});

test('a number field says what is not used, and nothing starts from it', async ({ page }) => {
  await open(page);
  await page.goto('/#/generate');
  const seed = page.getByRole('textbox', { name: 'Seed' });
  await seed.fill('99999999999999999999');
  await expect(page.getByText('Type a whole number from 0 to 4294967295.')).toBeVisible();
  await expect(seed).toHaveValue('99999999999999999999');
  await seed.fill('');
  await expect(seed).toHaveAttribute('aria-invalid', 'true');
  await seed.fill('12');
  await expect(page.getByText('Type a whole number')).toHaveCount(0);
  const pairs = page.getByRole('textbox', { name: 'Pairs' });
  await pairs.fill('0');
  await expect(page.getByText('Type a whole number from 1 to 1000.')).toBeVisible();
});

test('a start picture is looked at when it is chosen', async ({ page }) => {
  await open(page);
  await page.goto('/#/generate');
  await page.getByRole('button', { name: 'More', exact: true }).click();
  const choose = async (name: string, buffer: Buffer): Promise<void> => {
    const [chooser] = await Promise.all([
      page.waitForEvent('filechooser'),
      page.getByRole('button', { name: 'Start from an image' }).click(),
    ]);
    await chooser.setFiles({ name, mimeType: 'image/png', buffer });
  };
  await choose('broken.png', Buffer.from('no picture'));
  await expect(page.getByText('The start image could not be read.')).toBeVisible();
  await expect(page.getByText('Start image: broken.png')).toHaveCount(0);
  const red = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC';
  await choose('red.png', Buffer.from(red, 'base64'));
  await expect(page.getByText('Start image: red.png')).toBeVisible();
});

test('a double click and a key held down are one answer', async ({ page }) => {
  await open(page);
  await side(page, 'Left').dblclick();
  await labels(page, 1);
  await page.getByRole('button', { name: 'Right', exact: true }).last().dblclick();
  await labels(page, 2);
  await expect(side(page, 'Left')).toBeVisible();
  for (let i = 0; i < 5; i += 1) await page.keyboard.down('ArrowLeft');
  await page.keyboard.up('ArrowLeft');
  await labels(page, 3);
  for (let i = 0; i < 5; i += 1) await page.keyboard.down('Backspace');
  await labels(page, 2);
});

test('a click that began on one pair says nothing of the next', async ({ page }) => {
  await open(page);
  const before = await source(page, 'Left');
  await side(page, 'Left').hover();
  await page.mouse.down();
  await page.keyboard.press('ArrowRight');
  await labels(page, 1);
  await expect.poll(() => source(page, 'Left')).not.toBe(before);
  await page.mouse.up();
  await page.waitForTimeout(300);
  await labels(page, 1);
});

test('nothing is judged before it is seen', async ({ page }) => {
  let release!: () => void;
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(/\/pairs\/.*\.png/, async (route) => {
    await held;
    await route.continue();
  });
  await open(page);
  await expect(page.getByRole('button', { name: 'Left image', exact: true })).toBeDisabled();
  for (const key of ['ArrowLeft', 'ArrowDown', 'Space']) await page.keyboard.press(key);
  await expect(page.getByText('Your first answer already counts')).toBeVisible();
  release();
  await answer(page, 'ArrowLeft');
  await labels(page, 1);
});

for (const language of ['C', 'en-US@posix', '', 'not a tag']) {
  test(`shows the page in a browser whose language is "${language}"`, async ({ page }) => {
    await page.addInitScript((tag) => {
      Object.defineProperty(navigator, 'language', { get: () => tag });
      Object.defineProperty(navigator, 'languages', { get: () => [tag] });
    }, language);
    const complaints = await open(page);
    for (const screen of ['train', 'library']) {
      await page.goto(`/#/${screen}`);
      await expect(page.getByRole('main').getByRole('heading', { level: 1 })).toBeVisible();
    }
    expect(complaints).toEqual([]);
  });
}

const withoutFiles: [string, () => void][] = [
  ['none', () => Object.defineProperty(StorageManager.prototype, 'getDirectory', { value: undefined })],
  [
    'and refuses them',
    () =>
      Object.defineProperty(StorageManager.prototype, 'getDirectory', {
        value: () => Promise.reject(new DOMException('Security error when calling GetDirectory', 'SecurityError')),
      }),
  ],
];

for (const [name, script] of withoutFiles) {
  test(`a browser without files (${name}) shows and keeps judgements of what came with the studio`, async ({
    page,
  }) => {
    await page.addInitScript(script);
    const complaints = await open(page);
    await expect(page.getByText('This browser keeps no private files for web pages.')).toBeVisible();
    await expect(side(page, 'Left').locator('img')).toBeVisible();
    await expect(side(page, 'Right').locator('img')).toBeVisible();
    await answer(page, 'ArrowLeft');
    await labels(page, 1);
    await page.reload();
    await labels(page, 1);
    await expect(page.getByText('This file is gone')).toHaveCount(0);
    expect(complaints).toEqual([]);
  });
}

const withoutRecords: [string, () => void][] = [
  ['none', () => Object.defineProperty(window, 'indexedDB', { value: undefined })],
  [
    'and refuses them',
    () => {
      IDBFactory.prototype.open = () => {
        throw new DOMException('A mutation operation was attempted', 'InvalidStateError');
      };
    },
  ],
  [
    'nor anything else, as where cookies are blocked',
    () => {
      const refuse = (): never => {
        throw new DOMException('Access is denied for this document', 'SecurityError');
      };
      const reject = () => Promise.reject(new DOMException('Access is denied', 'SecurityError'));
      for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, { get: refuse });
      IDBFactory.prototype.open = refuse;
      StorageManager.prototype.getDirectory = reject;
      StorageManager.prototype.estimate = reject;
      StorageManager.prototype.persist = reject;
      LockManager.prototype.request = reject;
    },
  ],
];

for (const [name, script] of withoutRecords) {
  test(`a browser without records (${name}) is told so on every screen, and asked nothing`, async ({ page }) => {
    await page.addInitScript(script);
    const complaints = await open(page);
    for (const screen of ['', 'generate', 'label', 'library', 'settings']) {
      await page.goto(`/#/${screen}`);
      await expect(page.getByText('This browser keeps no records for this page.').first()).toBeVisible();
      await expect(page.getByRole('button', { name: /image is better/ })).toHaveCount(0);
      await expect(page.getByText(/Every pair|you can judge|first pairs|Nothing leaves you/)).toHaveCount(0);
    }
    expect(complaints).toEqual([]);
  });
}
