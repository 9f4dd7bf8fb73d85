/** How far something is: a part of its own, since nothing that comes before the first pair shows one. */
import { t } from '@lingui/core/macro';
import { Progress as MantineProgress } from '@mantine/core';

/** @param value 0 to 1; null while it is not known how long it takes. */
export function Progress({ label, value }: { label: string; value: number | null }) {
  return (
    <MantineProgress.Root size="sm" radius="xl">
      <MantineProgress.Section
        value={value === null ? 100 : Math.max(1, value * 100)}
        animated={value === null}
        striped={value === null}
        color="var(--accent-strong)"
        aria-label={label}
        {...(value === null ? { 'aria-valuetext': t`working` } : {})}
      />
    </MantineProgress.Root>
  );
}
