#!/usr/bin/env node
/** Launcher of the command line. Builds its bundle when the sources are newer, and sets the environment that the Vulkan loader reads at
 *  start-up (a process cannot change it for itself afterwards), then runs the bundle. */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildCli, bundlePath } from './build.mjs';
import { vulkanEnvironment } from './vulkan.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
await buildCli(root);
const child = spawn(process.execPath, [bundlePath(root), ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, ...vulkanEnvironment() },
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 130 : 1)));
