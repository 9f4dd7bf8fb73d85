/** The studio in other languages than English: as the browser asks for, or as a person chooses. */
import { expect, test } from '@playwright/test';

const screens = ['', 'generate', 'label', 'train', 'compare', 'models', 'data', 'library', 'settings'];

test('speaks the browser’s language, and at once the one that is chosen', async ({ browser }) => {
  const context = await browser.newContext({ locale: 'de-AT' });
  const page = await context.newPage();
  await page.goto('/');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Bring einem Bildmodell deinen Geschmack bei.');
  await expect(page.locator('html')).toHaveAttribute('lang', 'de');
  await expect(page.getByRole('button', { name: 'Linkes Bild ist besser' })).toBeVisible();

  await page.goto('/#/settings');
  await page.getByRole('combobox', { name: 'Sprache' }).click();
  await page.getByRole('option', { name: 'Español' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Ajustes');
  await expect(page.locator('html')).toHaveAttribute('lang', 'es');
  await page.reload();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Ajustes');
  await context.close();
});

for (const locale of ['de-DE', 'es-ES'])
  test(`nothing overflows in ${locale}`, async ({ browser }) => {
    const context = await browser.newContext({ locale });
    const page = await context.newPage();
    await page.goto('/');
    for (const width of [360, 1280]) {
      await page.setViewportSize({ width, height: 800 });
      for (const screen of screens) {
        await page.goto(`/#/${screen}`);
        await expect(page.getByRole('main').getByRole('heading', { level: 1 })).toBeVisible();
        const wide = await page.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement;
          // Words of a button that leave it.
          const buttons = [...document.querySelectorAll('main button, nav a')].filter(
            (one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0,
          );
          return [...(scrollWidth > clientWidth ? ['the page'] : []), ...buttons.map((one) => one.textContent)];
        });
        expect(wide, `${screen || 'start'} at ${width}`).toEqual([]);
      }
    }
    await context.close();
  });
