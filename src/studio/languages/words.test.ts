/** What the studio says, it says in every language: nothing in a screen stands outside the macros, and no file lacks a message or a part of one. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseAsync, type types, traverse } from '@babel/core';
import { generateMessageId } from '@lingui/message-utils/generateMessageId';
import { expect, it } from 'vitest';
import { formatter } from '@lingui/format-po';
import { samplerOptions } from '../../diffusion/samplers/options.ts';
import { exporters } from '../../data/exporters/table.ts';
import { pairsExporters } from '../../data/exporters/pairs/table.ts';
import { modelExports } from '../../service/export/kinds.ts';
import { lossFields, losses } from '../../losses/table.ts';
import { presets, stableDiffusionPresets } from '../../training/presets.ts';
import { fixed } from './fixed.ts';

const studio = join(import.meta.dirname, '..');
const sources = readdirSync(studio, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.tsx') && !file.endsWith('.test.tsx'))
  .map((file) => join(studio, file));

/** Attributes that are read by a person. */
const spoken =
  /^(label|title|hint|placeholder|alt|question|confirm|text|message|description|empty|unit|summary|heading|aria-(label|description|valuetext|roledescription))$/;
/** Letters of a word: units, keys and signs are the same everywhere. */
const isWord = (text: string): boolean =>
  /\p{L}{3,}/u.test(text) && !/^(px|KB|MB|GB|Ctrl|Cmd|Esc|Winnow|OK)$/u.test(text.trim());

async function unspoken(file: string): Promise<string[]> {
  const tree = await parseAsync(readFileSync(file, 'utf8'), {
    filename: file,
    babelrc: false,
    configFile: false,
    parserOpts: { plugins: ['typescript', 'jsx'] },
  });
  const found: string[] = [];
  const say = (node: types.Node, text: string): void =>
    void found.push(
      `${relative(studio, file)}:${node.loc!.start.line} ${text.trim().replaceAll(/\s+/g, ' ').slice(0, 60)}`,
    );
  traverse(tree!, {
    JSXElement(path) {
      const { name } = path.node.openingElement;
      if (name.type === 'JSXIdentifier' && /^(Trans|Plural|Select|code|kbd)$/.test(name.name)) path.skip();
    },
    JSXText(path) {
      if (isWord(path.node.value)) say(path.node, path.node.value);
    },
    JSXAttribute(path) {
      const { name, value } = path.node;
      const text = value?.type === 'JSXExpressionContainer' ? value.expression : value;
      if (name.type !== 'JSXIdentifier' || !spoken.test(name.name)) return;
      if (text?.type === 'StringLiteral' && isWord(text.value)) say(path.node, text.value);
      if (text?.type === 'TemplateLiteral' && text.quasis.some(({ value: part }) => isWord(part.raw)))
        say(path.node, text.quasis.map(({ value: part }) => part.raw).join('…'));
    },
  });
  return found;
}

it('says nothing on a screen past the macros', async () => {
  const found = (await Promise.all(sources.map(unspoken))).flat();
  expect(found).toEqual([]);
});

it('has the titles and hints of tables that others keep', () => {
  const own = new Set(fixed.map(({ id }) => id));
  const of = ({ title, hint }: { title: string; hint?: string | undefined }): string[] => [
    title,
    ...(hint ? [hint] : []),
  ];
  const tables = [
    ...[...presets, ...stableDiffusionPresets].flatMap(({ title, description }) => [title, description]),
    ...Object.values(losses).map(({ title }) => title),
    ...Object.values(lossFields).flatMap(of),
    ...Object.values(samplerOptions).flatMap(of),
    ...Object.values(modelExports).map(({ note }) => note),
    ...Object.values(pairsExporters).map(({ what }) => what),
    exporters.labelEvents.title,
    exporters.labelEvents.what,
  ];
  expect(tables.filter((text) => !own.has(text))).toEqual([]);
});

/** `{count}`, `<0>`: what a message is filled with, each once. */
const partsOf = (message: string): string[] => [...new Set(message.match(/\{\w+(?=[,}])|<\/?\d+\/?>/g) ?? [])].sort();

const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.po'));

it.each(files)('%s has every message whole', async (file) => {
  const catalog = await formatter().parse(readFileSync(join(import.meta.dirname, file), 'utf8'), {
    locale: file.slice(0, -'.po'.length),
    sourceLocale: 'en',
    filename: file,
  });
  const wrong = Object.entries(catalog).flatMap(([id, { message, translation, context }]) => {
    const wanted = message || id;
    if (wanted !== id) expect(generateMessageId(wanted, context ?? '')).toBe(id);
    return translation !== '' && String(partsOf(translation)) === String(partsOf(wanted))
      ? []
      : [`${wanted} → ${translation}`];
  });
  expect(wrong).toEqual([]);
});
