/** Lingui's macros (`t`, `msg`, `plural`, `<Trans>`): what is said in the code becomes messages that src/studio/languages has in other languages.
 *  English stays where it is said, so that it comes with the screen that says it, and a page in English loads no other file. */
import { transformAsync } from '@babel/core';
import macro from '@lingui/babel-plugin-lingui-macro';
import { lingui } from '@lingui/vite-plugin';
import type { PluginOption } from 'vite';

export function words(): PluginOption {
  return [
    {
      name: 'words',
      enforce: 'pre',
      transform: {
        filter: { id: /\/src\/studio\/.*\.tsx?$/, code: "/macro'" },
        async handler(code, id) {
          const made = await transformAsync(code, {
            filename: id,
            babelrc: false,
            configFile: false,
            sourceMaps: true,
            parserOpts: { plugins: ['typescript', ...(id.endsWith('x') ? (['jsx'] as const) : [])] },
            plugins: [[macro, { stripMessageField: false }]],
          });
          return made?.code ? { code: made.code, map: made.map ?? null } : null;
        },
      },
    },
    lingui(),
  ];
}
