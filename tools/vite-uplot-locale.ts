/** uPlot makes a number format of `navigator.language` when it is loaded. That need not be a valid tag ("C", "en-US@posix", ""): then its module
 *  throws and the page stays blank. The runtime's own default always is one. */
import type { Plugin } from 'vite';

const asked = "new Intl.NumberFormat(domEnv ? nav.language : 'en-US')";

export function uplotLocale(): Plugin {
  return {
    name: 'uplot-locale',
    transform: {
      filter: { id: /uPlot\.esm\.js$/ },
      handler(code) {
        if (!code.includes(asked))
          throw new Error('uPlot formats numbers in another way now: see whether this plugin is needed.');
        return { code: code.replace(asked, 'new Intl.NumberFormat()'), map: null };
      },
    },
  };
}
