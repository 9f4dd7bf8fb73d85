import type { Page } from '@playwright/test';

/** Types into a field and leaves it, as a person does: only then does it count. */
export async function field(page: Page, name: string, value: string): Promise<void> {
  const input = page.getByRole('textbox', { name, exact: true });
  await input.fill(value);
  await input.blur();
}

/** Several, one after the other. */
export async function fields(page: Page, values: Record<string, string>): Promise<void> {
  for (const [name, value] of Object.entries(values)) await field(page, name, value);
}
