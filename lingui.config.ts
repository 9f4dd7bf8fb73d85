/** Languages of the studio: English stands in the code, each other one in a file of its own. `npm run words` brings the files up to date. */
import { readdirSync } from 'node:fs';
import { defineConfig } from '@lingui/conf';
import { formatter } from '@lingui/format-po';

const folder = 'src/studio/languages';

export default defineConfig({
  sourceLocale: 'en',
  locales: readdirSync(folder).flatMap((name) => /^(.+)\.po$/.exec(name)?.[1] ?? []),
  catalogs: [{ path: `${folder}/{locale}`, include: ['src/studio'] }],
  format: formatter({ lineNumbers: false }),
  orderBy: 'origin',
  runtimeConfigModule: { i18n: ['#language', 'i18n'], Trans: ['#language/Trans', 'Trans'] },
});
