/** What the model reads of prompts, told by the command line; and prompts that are one picture. */
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import type { Engine } from '../service/engineService.ts';
import { withEngine } from './engine.ts';
import { sayCuts } from './generation.ts';
import { parseModelRef } from './modelRef.ts';
import { Terminal } from './terminal.ts';
import { apart } from './verbs/evaluate.ts';

const tiny = join(import.meta.dirname, '../../tools/reference/cases/pipeline-tiny-v/pipeline');

/** Runs with an engine that has no GPU; gives what was told on stderr. */
async function told(work: (engine: Engine, terminal: Terminal) => Promise<unknown>): Promise<string> {
  let err = '';
  const terminal = new Terminal({ out: () => {}, err: (text) => void (err += text), live: false }, false);
  await withEngine(terminal, { base: tiny, root: tmpdir(), gpu: false }, (engine) => work(engine, terminal));
  return err;
}

it('says which part of a prompt is cut off, of each prompt once', async () => {
  let maxTokens = 0;
  await told(async (engine) => ({ maxTokens } = (await engine.models())[0]!));
  const long = 'a red house '.repeat(maxTokens).trim();
  const err = await told((engine, terminal) =>
    sayCuts(engine, terminal, parseModelRef(tiny), [
      `${long} and a huge blue whale`,
      'a cat',
      '',
      `${long} and a huge blue whale`,
    ]),
  );
  const lines = err.trim().split('\n');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(
    new RegExp(
      `^The following part of "a red house .*…" is cut off, because the text encoder reads ${maxTokens} tokens at most: "`,
    ),
  );
});

it('counts the prompts that are cut beyond the first few', async () => {
  const err = await told((engine, terminal) =>
    sayCuts(
      engine,
      terminal,
      parseModelRef(tiny),
      Array.from({ length: 8 }, (_, i) => `${i} ${'tree '.repeat(300)}`),
    ),
  );
  expect(err.trim().split('\n')).toHaveLength(6);
  expect(err).toContain('3 more prompts are cut off.');
});

it('takes prompts that are the same tokens for one: their pictures are the same', async () => {
  const long = 'tree '.repeat(300);
  const said: string[] = [];
  await told(async (engine) => {
    const kept = await apart(
      engine,
      [parseModelRef(tiny)],
      ['a red house', 'A  Red HOUSE', 'a blue house', `${long} one`, `${long} two`],
      (text) => said.push(text),
    );
    expect(kept).toEqual(['a red house', 'a blue house', `${long} one`]);
  });
  expect(said).toEqual(['2 of 5 prompts are the same tokens as one before; each counts once.']);
});
