/** Finds Deno: another implementation of WebGPU (wgpu, with naga), which tests train on where it is installed. */
import { spawnSync } from 'node:child_process';

/** Its executable; or why tests on it are left out. WINNOW_DENO is `off`, or a path. */
export function findDeno() {
  const deno = process.env.WINNOW_DENO ?? 'deno';
  if (deno === 'off') return { missing: 'WINNOW_DENO is off' };
  const { error, status } = spawnSync(deno, ['--version'], { stdio: 'ignore' });
  if (error) return { missing: deno === 'deno' ? 'Deno is not installed' : `${deno}: ${error.message}` };
  if (status !== 0) return { missing: `${deno} --version ended with ${status}` };
  return { deno };
}
