/** No WebGPU here: what to do in this very browser, and what works without. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { Notice } from '../../components/Surface.tsx';
import { useStudio } from '../../store/useStudio.ts';
import styles from './start.module.css';

interface Advice {
  title: string;
  steps: string[];
}

const offIn = (browser: string): string => t`WebGPU is off in ${browser}`;

export function adviceFor(userAgent: string, secure: boolean): Advice {
  if (!secure)
    return {
      title: t`WebGPU is off in this address`,
      steps: [t`WebGPU is offered only to secure pages. Open Winnow over https, or on http://localhost.`],
    };
  const version = (pattern: RegExp): number => Number(pattern.exec(userAgent)?.[1] ?? 0);
  const isIos =
    /iPhone|iPad/.test(userAgent) ||
    (/Macintosh/.test(userAgent) && typeof navigator !== 'undefined' && navigator.maxTouchPoints > 1);
  if (isIos)
    return {
      title: t`WebGPU is off in your iPhone or iPad`,
      steps: [
        t`Update to iOS or iPadOS 26 or later: WebGPU is in Safari from there on.`,
        t`Every browser on iOS uses the same engine, so another one does not help.`,
      ],
    };
  if (/Firefox\//.test(userAgent)) {
    return {
      title: offIn('Firefox'),
      steps: [
        /Windows|Macintosh/.test(userAgent)
          ? t`Update Firefox: WebGPU is on in current versions for Windows and for Macs with Apple silicon.`
          : t`On Linux, WebGPU is on only in Firefox Nightly so far.`,
        t`Or open about:config, set dom.webgpu.enabled to true, and restart Firefox. Where that is not enough, gfx.webgpu.ignore-blocklist too.`,
        t`Or open this page in a current Chrome or Edge.`,
      ],
    };
  }
  if (/Chrome\//.test(userAgent)) {
    const name = /Edg\//.test(userAgent) ? 'Edge' : 'Chrome';
    const scheme = name === 'Edge' ? 'edge' : 'chrome';
    const own = version(/Chrome\/(\d+)/);
    const gpu = `${scheme}://gpu`;
    const settings = `${scheme}://settings/system`;
    const [unsafe, vulkan] = [`${scheme}://flags/#enable-unsafe-webgpu`, `${scheme}://flags/#enable-vulkan`];
    const steps = [t`Open ${gpu} and look for WebGPU: it says why it is off.`];
    if (own < 121) steps.unshift(t`Update ${name}: yours is version ${own}, WebGPU needs 121 or later.`);
    if (/Linux/.test(userAgent) && !/Android/.test(userAgent))
      steps.push(t`On Linux, turn on ${unsafe} and ${vulkan}, then restart.`);
    steps.push(
      t({
        message: `Check that “Use graphics acceleration when available” is on in ${settings}.`,
        comment: 'as Chrome calls it in this language',
      }),
      t`Update the graphics driver.`,
    );
    return { title: offIn(name), steps };
  }
  if (/Safari\//.test(userAgent))
    return {
      title: offIn('Safari'),
      steps: [
        t`Update to macOS 26 with Safari 26 or later: WebGPU is on there.`,
        t`Or open this page in a current Chrome or Edge.`,
      ],
    };
  return {
    title: t`WebGPU is off in this browser`,
    steps: [t`Open this page in a current Chrome, Edge, Firefox or Safari.`],
  };
}

export function NoWebGPU() {
  const lacks = useStudio((s) => s.lacks?.what);
  const { title, steps } = adviceFor(navigator.userAgent, isSecureContext);
  return (
    <Notice tone="warn" title={title}>
      <p className="small">
        <Trans>Winnow makes images and trains on your graphics chip through WebGPU. To turn it on here:</Trans>
      </p>
      <ol className={styles.advice}>
        {steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      {lacks === 'records' ? null : (
        <p className="small">
          {lacks
            ? t`Meanwhile you can judge the pairs below.`
            : t`Meanwhile you can judge the pairs below: your labels are kept, and count as soon as WebGPU is there.`}
        </p>
      )}
    </Notice>
  );
}
