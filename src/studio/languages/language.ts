/** The language that the studio speaks: English as it stands in the code, or what a file beside this one has for it. A next language is one file:
 *  `touch xx.po`, `npm run words`, and what it says. */
import { i18n, type Messages } from '@lingui/core';

const SOURCE = 'en';

const catalogs = import.meta.glob<{ messages: Messages }>('./*.po');
const codeOf = (file: string): string => file.slice('./'.length, -'.po'.length);

/** Codes of all languages, in order of their own names. */
export const languages: readonly string[] = [SOURCE, ...Object.keys(catalogs).map(codeOf)];

/** A language's name in itself. */
export const languageName = (code: string): string => {
  const name = new Intl.DisplayNames([code], { type: 'language' }).of(code) ?? code;
  return name.charAt(0).toLocaleUpperCase(code) + name.slice(1);
};

i18n.loadAndActivate({ locale: SOURCE, messages: {} });

/** The first of a person's languages that the studio speaks. */
export function languageFor(chosen: string | null, asked: readonly string[] = navigator.languages ?? []): string {
  const found = [chosen ?? '', ...asked].map((tag) => tag.toLowerCase().split(/[-_]/)[0]!);
  return found.find((code) => languages.includes(code)) ?? SOURCE;
}

export { i18n };

/** What is written outside the studio (fixed.ts): in the language that is spoken where it has it, else as it stands. */
export const said = (english: string): string => (i18n.messages[english] === undefined ? english : i18n._(english));

/** A title in the middle of a sentence. German nouns keep their capitals. */
export const within = (title: string): string => (i18n.locale === 'de' ? title : title.toLocaleLowerCase(i18n.locale));

/** For what is drawn anew when another is spoken. */
export const onLanguage = (changed: () => void): (() => void) => i18n.on('change', changed);

/** Speaks it from now on. One whose file does not come leaves the page in the language it has. */
export async function speak(code: string): Promise<void> {
  const load = catalogs[`./${code}.po`];
  const messages = load ? (await load()).messages : {};
  i18n.loadAndActivate({ locale: code, messages });
  if (typeof document !== 'undefined') document.documentElement.lang = code;
}
