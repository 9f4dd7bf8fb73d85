/** Where a Vulkan driver is, for Dawn under Node: the system's GPU, else the SwiftShader and loader that lie together in a Chromium's
 *  folder, else lavapipe. Returned as environment variables, because the loader reads them when the process starts. */
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const icdFolders = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d'];

const icds = () => icdFolders.filter(existsSync).flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)));

const gpuPresent = () => existsSync('/dev/dri') || existsSync('/dev/nvidia0') || existsSync('/dev/dxg');

const chromiumFolders = () => {
  const cache = process.env.PLAYWRIGHT_BROWSERS_PATH ?? join(homedir(), '.cache', 'ms-playwright');
  const own = existsSync(cache)
    ? readdirSync(cache)
        .filter((name) => name.startsWith('chromium'))
        .flatMap((name) => ['chrome-linux', 'chrome-linux64', 'chrome-headless-shell-linux64'].map((sub) => join(cache, name, sub)))
    : [];
  return ['/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome', '/snap/chromium/current/usr/lib/chromium-browser', ...own];
};

/** {} where the system's own driver serves (always so on macOS and Windows). */
export function vulkanEnvironment() {
  if (process.platform !== 'linux' || process.env.VK_ICD_FILENAMES) return {};
  if (gpuPresent() && icds().some((file) => !/lvp|lavapipe/.test(file))) return {};
  const folder = chromiumFolders().find((path) => existsSync(join(path, 'vk_swiftshader_icd.json')) && existsSync(join(path, 'libvk_swiftshader.so')));
  if (folder) {
    const paths = [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
    return { VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json'), LD_LIBRARY_PATH: paths, WINNOW_VULKAN: `SwiftShader of ${folder}` };
  }
  const lavapipe = icds().find((file) => /lvp|lavapipe/.test(file));
  return lavapipe ? { VK_ICD_FILENAMES: lavapipe, WINNOW_VULKAN: 'lavapipe' } : {};
}
