/** Numbers and names as words. */
import { i18n } from '@lingui/core';
import { t } from '@lingui/core/macro';
import type { SystemReport } from '../../service/types.ts';
import type { EngineState } from '../store/engineSlice.ts';

/** Why there is no figure that the engine has to work out. */
export const withoutEngine: Readonly<Record<Exclude<EngineState, 'ready'>, string>> = {
  get starting() {
    return t`The engine is not ready yet.`;
  },
  get failed() {
    return t`The engine is not running.`;
  },
  get noWebGPU() {
    return t`This takes WebGPU, which is not to be had here.`;
  },
  get otherTab() {
    return t`Winnow is at work in another tab.`;
  },
};

export function gpuName({ adapter }: SystemReport): string {
  // Chromium's processor fallback names itself by vendor and architecture only.
  const isSwiftShader = adapter.architecture === 'swiftshader';
  const name = isSwiftShader
    ? 'SwiftShader'
    : adapter.description ||
      adapter.device ||
      [adapter.vendor, adapter.architecture].filter(Boolean).join(' ') ||
      t`Unnamed GPU`;
  return isSwiftShader || adapter.isFallback ? t`${name} (on the CPU)` : name;
}

export function printBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const power = bytes > 0 ? Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10)) : 0;
  const value = bytes / 1024 ** power;
  return `${value >= 100 || power === 0 ? Math.round(value) : value.toPrecision(2)} ${units[power]}`;
}

/** 859520964 → 860 M. */
export function printCount(count: number): string {
  if (count < 1000) return String(count);
  const power = Math.min(3, Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** power;
  return `${value >= 100 ? Math.round(value) : value.toPrecision(value >= 10 ? 3 : 2)} ${['', 'k', 'M', 'B'][power]}`;
}

const inMinutes = (minutes: number, seconds: number): string => t`${minutes} min ${seconds} s`;
const inHours = (hours: number, minutes: number): string => t`${hours} h ${minutes} min`;

export function printDuration(seconds: number): string {
  if (seconds < 1) return t`under a second`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 600) return inMinutes(Math.floor(whole / 60), whole % 60);
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? t`${minutes} min` : inHours(Math.floor(minutes / 60), minutes % 60);
}

export const printSeconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export const printPercent = (fraction: number): string => `${Math.round(fraction * 100)} %`;

/** `512 px`, or `640 × 448 px`. */
export const printSize = ({ width, height }: { width: number; height: number }): string =>
  width === height ? `${width} px` : `${width} × ${height} px`;

/** In the language that is spoken; as the browser writes it where that is its own. */
export function printWhen(iso: string): string {
  const own = new Intl.DateTimeFormat().resolvedOptions().locale;
  const locale = own.startsWith(i18n.locale) ? own : i18n.locale;
  return new Date(iso).toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'short' });
}
