/** Expressions as PEFT's configs have them; those that never end elsewhere. Expected: Python's re.match(rf"(.*\.)?({key})$", path). */
import { expect, it } from 'vitest';
import { pathPattern } from './pattern.ts';

const path = 'down_blocks.0.attentions.1.transformer_blocks.0.attn2.to_k';

function matches(key: string, text = path): boolean {
  const pattern = pathPattern(key);
  if (!pattern) throw new Error(`${key} cannot be read`);
  return pattern(text, () => {});
}

it.each([
  ['to_k', true],
  ['attn2.to_k', true],
  ['attn2xto_k', false],
  ['o_k', false],
  [path, true],
  ['attn1.to_k', false],
  ['.*attn2.*', true],
  ['to_[qk]', true],
  ['to_[^qk]', false],
  ['to_[]k]', true],
  ['to_(q|k|v)', true],
  ['(?:to_q|to_v)', false],
  ['^down_blocks\\.\\d\\..*to_k', true],
  ['^to_k', false],
  ['attentions\\.\\d+\\.transformer_blocks\\.0\\.(attn1|attn2)\\.to_(q|k)$', true],
  ['\\Adown.*\\Z', true],
  ['(?P<layer>attn\\d)\\.to_k', true],
  ['attn2\\.to_k{1,2}', true],
  ['attn2\\.to_k{2}', false],
  ['(?!.*attn1)attn2.*', true],
  ['(?=.*attn2)attentions.*', true],
  ['(?!.*attn2)attentions.*', false],
  ['(?<!attn1\\.)to_k', true],
  ['(?<!attn2\\.)to_k', false],
  ['(?P<block>down_blocks).*(?<=attn2\\.)to_k', true],
  ['(?<=attn1\\.)to_k', false],
  ['(?=^down).*', true],
  ['.*attn2(?=\\.to_k$).*', true],
  ['\\bto_k\\b', true],
  ['(?:)to_k?_?', true],
  ['(a?b?)*to_k', true],
])('%s', (key, expected) => {
  expect(matches(key)).toBe(expected);
});

it.each([
  '(to_k',
  'to_k)',
  '[to',
  'to**',
  '*',
  '(a)\\1',
  '(?i)TO_K',
  'a{3,2}',
  'a{5000}',
  '((a{99}){99}){99}',
  'to_\\',
])('refuses what it does not read: %s', (key) => {
  expect(pathPattern(key)).toBeUndefined();
});

it('takes as many steps as the expression is long times the path, however many ways there are', () => {
  const long = 'a.'.repeat(100);
  for (const key of [
    '(.*)*x',
    '.?'.repeat(50) + '.'.repeat(150) + 'x',
    '(?:.|..)'.repeat(100) + 'x',
    '.*.*.*.*.*.*.*x',
    '(a|a|a)+x',
  ]) {
    let steps = 0;
    expect(pathPattern(key)!(long, (some) => (steps += some))).toBe(false);
    expect(steps).toBeLessThan(10 * long.length * (key.length + 10));
  }
});
