/** docs/samplers.md, written from the records: `npx vitest run src/diffusion/samplers/docs.test.ts -u` after a change. */
import { expect, it } from 'vitest';
import { type SamplerOption, samplerOptions, samplerReads } from './options.ts';
import { samplerNames, samplers } from './table.ts';

const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

it('docs/samplers.md says of every sampler what its record says', async () => {
  const text = `# Samplers

Written from the records of \`src/diffusion/samplers/\` (by its \`docs.test.ts\`). A model's \`scheduler_config.json\` gives the numbers; \`--scheduler NAME\` reads it with another class, as \`from_config\` of diffusers does. In the formulas a is alphas_cumprod, x0 and eps what the model says of x, a prime the step's end.

A model whose own class has no record here, but the same noise (UniPC, Heun, DDPM and others), is drawn by DPM-Solver++, and that is said. One with other noise (EDM, flow matching) is refused by the name of its class.

${[
  row('class', 'title', 'what it does', 'of one step', 'reads', "A1111's name", 'source'),
  row('---', '---', '---', '---', '---', '---', '---'),
  ...samplerNames.map((name) => {
    const { title, what, formula, source, a1111, alsoClasses = [] } = samplers[name];
    return row(
      [name, ...alsoClasses].map((one) => `\`${one}\``).join(', '),
      title,
      what,
      `\`${formula}\``,
      (Object.keys(samplerOptions) as SamplerOption[])
        .filter((option) => samplerReads(name, option))
        .map((option) => `\`${option}\``)
        .join(', '),
      a1111,
      source,
    );
  }),
].join('\n')}
`;
  await expect(text).toMatchFileSnapshot('../../../docs/samplers.md');
});
