#!/usr/bin/env node
/** Launcher of the command line: builds its bundle when the sources are newer, then runs it. */
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildCli, bundlePath } from './build.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
await buildCli(root);
await import(pathToFileURL(bundlePath(root)).href);
