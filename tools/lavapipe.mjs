/** Finds Mesa's lavapipe: the second adapter that tests run on, where it is installed. It brings another compiler than SwiftShader, subgroups of another
 *  size, and bindings of 128 MiB. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const folders = ['/etc', '/usr/local/etc', '/usr/local/share', '/usr/share'].map((root) => join(root, 'vulkan/icd.d'));

/** The manifest of its driver; or why tests on it are left out. WINNOW_LAVAPIPE is `off`, or the path of a manifest. */
export function findLavapipe() {
  const asked = process.env.WINNOW_LAVAPIPE;
  if (asked === 'off') return { missing: 'WINNOW_LAVAPIPE is off' };
  const manifest =
    asked ??
    folders
      .flatMap((folder) => (existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []))
      .find((file) => /lvp_icd.*\.json$/.test(file));
  if (!manifest) return { missing: 'Mesa’s lavapipe is not installed' };
  // It says what is the matter with a driver that has no adapter.
  const args = ['tools/cli/winnow.mjs', 'plan', 'public/models/postcard', '--adapter', 'any'];
  const probe = spawnSync(process.execPath, args, {
    env: { ...process.env, VK_DRIVER_FILES: manifest },
    encoding: 'utf8',
  });
  if (probe.status !== 0) return { missing: probe.stderr.trim().split('\n').at(-1) };
  return { manifest };
}
