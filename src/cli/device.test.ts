/** What is said of drivers that are of no use, and which are not asked. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { hasGpu } from './device.ts';

const made = (...files: string[]): string => {
  const folder = mkdtempSync(join(tmpdir(), 'winnow-devices-'));
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), '');
  }
  return folder;
};

it.each<[boolean, string[]]>([
  [true, ['dri/card0', 'dri/renderD128']],
  [true, ['nvidia3', 'nvidiactl']],
  [true, ['dxg']],
  [false, ['dri/card0']],
  [false, ['nvme0', 'nvidiactl', 'kvm']],
  [false, []],
])('is %s of a GPU where the kernel has %j', (there, nodes) => {
  expect(hasGpu(made(...nodes))).toBe(there);
});

// Elsewhere drivers are not files that Dawn is led to.
it.runIf(process.platform === 'linux')('names a Mesa that is too old, and what to do', async () => {
  const folder = made();
  const library = join(folder, 'libvulkan_lvp.so');
  writeFileSync(library, '\0llvmpipe\0Mesa 22.3.6 (LLVM 15.0.6)\0');
  const manifest = join(folder, 'lvp_icd.json');
  writeFileSync(
    manifest,
    JSON.stringify({ file_format_version: '1.0.0', ICD: { library_path: library, api_version: '1.1.230' } }, null, 4),
  );
  vi.stubEnv('VK_DRIVER_FILES', manifest);
  vi.resetModules();
  const { openNodeGpu } = await import('./device.ts');
  await expect(openNodeGpu()).rejects.toMatchObject({
    name: 'NoWebGPU',
    what: `No WebGPU adapter was found (tried ${manifest}; Mesa 22.3.6 is too old to have one).`,
    remedy: expect.stringMatching(
      /^Install Mesa 25 or newer \(Debian 12: apt-get install -t bookworm-backports mesa-vulkan-drivers\), or Chromium/,
    ),
  });
});
