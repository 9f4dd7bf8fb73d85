/** Finds a Chromium for tests and the demo: an installed Chrome or Chromium; else Playwright's own, downloaded now if need be; else, as
 *  root or in CI, the system package. Says which it took. Also: the switches that give a browser without a GPU a software adapter. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chromium } from 'playwright';

const installed = () =>
  [
    process.env.WINNOW_BROWSER,
    '/usr/bin/google-chrome',
    '/usr/bin/google-chrome-stable',
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/snap/bin/chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    process.env.PROGRAMFILES && `${process.env.PROGRAMFILES}\\Google\\Chrome\\Application\\chrome.exe`,
    process.env.LOCALAPPDATA && `${process.env.LOCALAPPDATA}\\Google\\Chrome\\Application\\chrome.exe`,
  ].find((path) => path && existsSync(path));

const playwrightOwn = () => (existsSync(chromium.executablePath()) ? chromium.executablePath() : undefined);

const run = (command, args) =>
  spawnSync(command, args, { stdio: 'inherit', shell: process.platform === 'win32' }).status === 0;

/** Path of a browser; installs one if none is there. Throws with the one command to run if that fails. */
export function findBrowser({ install = true, log = console.log } = {}) {
  let path = installed() ?? playwrightOwn();
  if (!path && install) {
    log('No Chrome or Chromium is installed: trying Playwright’s own.');
    run('npx', ['playwright', 'install', 'chromium']);
    path = playwrightOwn();
    if (!path && process.platform === 'linux' && (process.getuid?.() === 0 || process.env.CI)) {
      log('Playwright could not download one: trying the system package.');
      const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
      const apt = (...args) => run([...sudo, 'apt-get'][0], [...[...sudo, 'apt-get'].slice(1), ...args]);
      apt('update', '-qq');
      apt('install', '-y', '-qq', 'chromium');
      path = installed();
    }
  }
  if (!path)
    throw new Error(
      'No Chromium was found or could be installed. Run `sudo apt-get install -y chromium` (or install Chrome), then try again.',
    );
  log(`Browser: ${path}`);
  return path;
}

/** Whether this machine has a GPU that a headless browser could use. */
export const hasGpu = () =>
  process.platform !== 'linux' || existsSync('/dev/dri') || existsSync('/dev/nvidia0') || existsSync('/dev/dxg');

/** Switches for headless WebGPU. Without a GPU: SwiftShader, on the CPU. */
export function browserArgs({ software = !hasGpu() } = {}) {
  return [
    ...(process.platform === 'linux' ? ['--no-sandbox', '--enable-features=Vulkan'] : []),
    '--enable-unsafe-webgpu',
    ...(software ? ['--use-webgpu-adapter=swiftshader'] : []),
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--disable-quic',
    '--no-first-run',
  ];
}
