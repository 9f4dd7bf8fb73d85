/** Every screen at desk and phone width, light and dark: nothing overflows, and axe (WCAG 2.2 A and AA) finds nothing. */
import AxeBuilder from '@axe-core/playwright';
import { expect, test } from '@playwright/test';

const screens = ['', 'generate', 'label', 'train', 'compare', 'models', 'data', 'library', 'settings'];
const looks = [
  { width: 1440, height: 900, colorScheme: 'light' },
  { width: 1440, height: 900, colorScheme: 'dark' },
  { width: 360, height: 780, colorScheme: 'light' },
  { width: 360, height: 780, colorScheme: 'dark' },
] as const;

for (const { width, height, colorScheme } of looks) {
  test(`screens at ${width} px, ${colorScheme}`, async ({ page }) => {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.goto('/');
    for (const screen of screens) {
      await page.goto(`/#/${screen}`);
      await expect(page.getByRole('main').getByRole('heading', { level: 1 })).toBeVisible();
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow, `${screen || 'start'} is wider than the window`).toBeLessThanOrEqual(0);
      const { violations } = await new AxeBuilder({ page })
        .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
        .analyze();
      expect(violations.map(({ id, nodes }) => `${screen || 'start'}: ${id} at ${nodes[0]?.target.join(' ')}`)).toEqual(
        [],
      );
    }
  });
}

test('what is chosen shows where the system chooses the colours', async ({ page }) => {
  await page.emulateMedia({ forcedColors: 'active', reducedMotion: 'reduce' });
  await page.goto('/#/settings');
  await expect(page.getByRole('switch').first()).toBeVisible();
  const grounds = (selector: string): Promise<string[]> =>
    page.locator(selector).evaluateAll((all) => all.map((one) => getComputedStyle(one).backgroundColor));
  for (const [chosen, others] of [
    ['.mantine-SegmentedControl-label[data-active]', '.mantine-SegmentedControl-label:not([data-active])'],
    ['input:checked + .mantine-Switch-track', 'input:not(:checked) + .mantine-Switch-track'],
    ['nav a[aria-current="page"]', 'nav a:not([aria-current])'],
  ] as const) {
    const shown = await grounds(chosen);
    expect(shown.length, chosen).toBeGreaterThan(0);
    for (const ground of shown) expect(await grounds(others)).not.toContain(ground);
  }
});

test('a second tab is told so and can take over', async ({ page, context }) => {
  await page.goto('/');
  await expect(page.getByRole('button', { name: 'Left image is better' })).toBeVisible();
  const second = await context.newPage();
  await second.goto('/');
  await second.getByRole('button', { name: 'Take over here' }).click();
  await expect(second.getByRole('button', { name: 'Left image is better' })).toBeVisible();
});
