/** No WebGPU here: what to do in this very browser, and what works without. */
import { Notice } from '../../components/Surface.tsx';
import { useStudio } from '../../store/useStudio.ts';
import styles from './start.module.css';

interface Advice {
  browser: string;
  steps: string[];
}

export function adviceFor(userAgent: string, secure: boolean): Advice {
  if (!secure)
    return {
      browser: 'this address',
      steps: ['WebGPU is offered only to secure pages. Open Winnow over https, or on http://localhost.'],
    };
  const version = (pattern: RegExp): number => Number(pattern.exec(userAgent)?.[1] ?? 0);
  const isIos =
    /iPhone|iPad/.test(userAgent) ||
    (/Macintosh/.test(userAgent) && typeof navigator !== 'undefined' && navigator.maxTouchPoints > 1);
  if (isIos)
    return {
      browser: 'your iPhone or iPad',
      steps: [
        'Update to iOS or iPadOS 26 or later: WebGPU is in Safari from there on.',
        'Every browser on iOS uses the same engine, so another one does not help.',
      ],
    };
  if (/Firefox\//.test(userAgent)) {
    return {
      browser: 'Firefox',
      steps: [
        /Windows|Macintosh/.test(userAgent)
          ? 'Update Firefox: WebGPU is on in current versions for Windows and for Macs with Apple silicon.'
          : 'On Linux, WebGPU is on only in Firefox Nightly so far.',
        'Or open about:config, set dom.webgpu.enabled to true, and restart Firefox. Where that is not enough, gfx.webgpu.ignore-blocklist too.',
        'Or open this page in a current Chrome or Edge.',
      ],
    };
  }
  if (/Chrome\//.test(userAgent)) {
    const name = /Edg\//.test(userAgent) ? 'Edge' : 'Chrome';
    const scheme = name === 'Edge' ? 'edge' : 'chrome';
    const steps = [`Open ${scheme}://gpu and look for WebGPU: it says why it is off.`];
    if (version(/Chrome\/(\d+)/) < 121)
      steps.unshift(`Update ${name}: yours is version ${version(/Chrome\/(\d+)/)}, WebGPU needs 121 or later.`);
    if (/Linux/.test(userAgent) && !/Android/.test(userAgent))
      steps.push(
        `On Linux, turn on ${scheme}://flags/#enable-unsafe-webgpu and ${scheme}://flags/#enable-vulkan, then restart.`,
      );
    steps.push(
      `Check that “Use graphics acceleration when available” is on in ${scheme}://settings/system.`,
      'Update the graphics driver.',
    );
    return { browser: name, steps };
  }
  if (/Safari\//.test(userAgent))
    return {
      browser: 'Safari',
      steps: [
        'Update to macOS 26 with Safari 26 or later: WebGPU is on there.',
        'Or open this page in a current Chrome or Edge.',
      ],
    };
  return { browser: 'this browser', steps: ['Open this page in a current Chrome, Edge, Firefox or Safari.'] };
}

export function NoWebGPU() {
  const lacks = useStudio((s) => s.lacks?.what);
  const { browser, steps } = adviceFor(navigator.userAgent, isSecureContext);
  return (
    <Notice tone="warn" title={`WebGPU is off in ${browser}`}>
      <p className="small">Winnow makes images and trains on your graphics chip through WebGPU. To turn it on here:</p>
      <ol className={styles.advice}>
        {steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      {lacks === 'records' ? null : (
        <p className="small">
          Meanwhile you can judge the pairs below
          {lacks ? '.' : ': your labels are kept, and count as soon as WebGPU is there.'}
        </p>
      )}
    </Notice>
  );
}
