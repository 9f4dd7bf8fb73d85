/** Lingui's macros (`t`, `msg`, `plural`, `<Trans>`): what is said in the code becomes messages that src/studio/languages has in other languages.
 *  English stays where it is said, so that it comes with the screen that says it and a page in English loads no other file; it is compiled here,
 *  so that no page needs the parser of messages. */
import { type PluginObj, transformAsync, types } from '@babel/core';
import macro from '@lingui/babel-plugin-lingui-macro';
import { compileMessage } from '@lingui/message-utils/compileMessage';
import { lingui } from '@lingui/vite-plugin';
import type { PluginOption } from 'vite';

/** `{ id, message: 'text' }`, as the macros leave it, and `<Trans id message="text" />`: the text as Lingui's catalogs have it, without what is
 *  said to translators. */
const compiled = (): PluginObj => ({
  visitor: {
    Program: {
      exit(program) {
        program.traverse({
          ObjectExpression({ node }) {
            const of = (name: string) =>
              node.properties.find(
                (one): one is types.ObjectProperty =>
                  one.type === 'ObjectProperty' && one.key.type === 'Identifier' && one.key.name === name,
              );
            const message = of('message');
            if (!of('id') || message?.value.type !== 'StringLiteral') return;
            message.value = types.valueToNode(compileMessage(message.value.value) as never);
            node.properties = node.properties.filter((one) => one !== of('comment') && one !== of('context'));
          },
          JSXOpeningElement({ node }) {
            const of = (name: string) =>
              node.attributes.find(
                (one): one is types.JSXAttribute => one.type === 'JSXAttribute' && one.name.name === name,
              );
            const message = of('message');
            const text = message?.value?.type === 'JSXExpressionContainer' ? message.value.expression : message?.value;
            if (!of('id') || !message || text?.type !== 'StringLiteral') return;
            message.value = types.jsxExpressionContainer(
              types.valueToNode(compileMessage(text.value) as never) as types.Expression,
            );
            node.attributes = node.attributes.filter((one) => one !== of('comment') && one !== of('context'));
          },
        });
      },
    },
  },
});

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
            plugins: [[macro, { stripMessageField: false }], compiled],
          });
          return made?.code ? { code: made.code, map: made.map ?? null } : null;
        },
      },
    },
    {
      // @lingui/core brings it along, and has nothing left to parse.
      name: 'no-message-parser',
      enforce: 'pre',
      resolveId: {
        filter: { id: /^@lingui\/message-utils\/compileMessage$/ },
        handler: () => '\0no-message-parser',
      },
      load: {
        filter: { id: /^\0no-message-parser$/ },
        handler: () => 'export const compileMessage = undefined;',
      },
    },
    lingui(),
  ];
}
