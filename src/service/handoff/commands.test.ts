/** Flags as the scripts' own argument parsers have them (huggingface/diffusers examples/research_projects/diffusion_dpo at 58eb52c;
 *  SalesforceAIResearch/DiffusionDPO at 5233e75). */
import { expect, it } from 'vitest';
import { presets, stableDiffusionPresets } from '../../training/presets.ts';
import { type CommandFacts, commandText, quoted, scriptCommands } from './commands.ts';

const facts: CommandFacts = {
  model: '/models/sd 1.5',
  family: 'Stable Diffusion 1',
  prediction: 'epsilon',
  autoencoder: 'AutoencoderKL',
  resolution: 512,
  data: './data',
  begun: false,
  ties: 0,
};
const config = { ...stableDiffusionPresets[1]!.config, promptDropout: 0 };

const flagsOf = (text: string): Map<string, string> =>
  new Map([...text.matchAll(/^ {2}(--\w+)(?: ([^\\]*?))?(?: \\)?$/gm)].map(([, flag, value = '']) => [flag!, value]));

it('says the same beta on each script’s own scale', () => {
  const betas = scriptCommands(config, facts).map((one) => flagsOf(commandText(one)).get('--beta_dpo'));
  expect(betas).toEqual(['2500', '5000', '5000']);
  const [sd] = scriptCommands({ ...config, beta: 501 }, facts);
  expect(sd!.cannot).toContain('a beta of 250.5 on its scale: --beta_dpo is a whole number');
});

it('writes every setting that a script has', () => {
  const [sd, , salesforce] = scriptCommands(config, facts);
  expect(Object.fromEntries(flagsOf(commandText(sd!)))).toEqual({
    '--mixed_precision': 'fp16',
    '--pretrained_model_name_or_path': "'/models/sd 1.5'",
    '--dataset_name': './data',
    '--dataset_split_name': 'train',
    '--resolution': '512',
    '--no_hflip': '',
    '--train_batch_size': '1',
    '--gradient_accumulation_steps': '4',
    '--learning_rate': '0.00005',
    '--lr_scheduler': 'cosine',
    '--lr_warmup_steps': '20',
    '--max_train_steps': '300',
    '--max_grad_norm': '1',
    '--checkpointing_steps': '50',
    '--rank': '8',
    '--beta_dpo': '2500',
    '--adam_beta1': '0.9',
    '--adam_beta2': '0.999',
    '--adam_epsilon': '1e-8',
    '--adam_weight_decay': '0.01',
    '--checkpoints_total_limit': '8',
    '--output_dir': 'OUT',
  });
  const theirs = flagsOf(commandText(salesforce!));
  expect([theirs.get('--proportion_empty_prompts'), theirs.get('--split'), theirs.has('--dataset_split_name')]).toEqual(
    ['0', 'train', false],
  );
});

it('clips never by 0, and warms up where a schedule is constant', () => {
  const flags = flagsOf(commandText(scriptCommands({ ...config, maxGradNorm: 0, lrSchedule: 'constant' }, facts)[0]!));
  expect([flags.get('--max_grad_norm'), flags.get('--lr_scheduler')]).toEqual(['1000000000', 'constant_with_warmup']);
});

it.each([
  [{ mode: 'full' }, {}, ['training of every weight'], []],
  [{ alpha: 4 }, {}, ['alpha 4'], ['a LoRA']],
  [{ targets: 'all' }, {}, ['an adapter on every layer'], ['a LoRA']],
  [{ loss: 'ipo' }, {}, ['the loss ipo'], ['the loss ipo']],
  [{ loss: 'sft' }, {}, ['the loss sft'], ['--sft for these columns']],
  [{ timestepRange: [0, 500] }, {}, ['timesteps from 0 to 500'], ['timesteps from 0 to 500']],
  [{ minSnrGamma: 5 }, {}, ['min-SNR gamma 5'], ['min-SNR gamma 5']],
  [{ labelSmoothing: 0.1 }, {}, ['label smoothing 0.1'], ['label smoothing 0.1']],
  [{ promptDropout: 0.1 }, {}, ['prompt dropout 0.1'], []],
  [{}, { family: 'Stable Diffusion XL' }, ['a model of the family Stable Diffusion XL'], ['AdamW']],
  [{}, { prediction: 'v_prediction' }, [], ['a network that predicts v']],
  [{}, { autoencoder: 'AutoencoderTiny' }, ["the model's AutoencoderTiny"], ["the model's AutoencoderTiny"]],
  [{}, { begun: true, ties: 3 }, ['what the run has learnt', '3 ties'], ['what the run has learnt', '3 ties']],
] as const)('%j, %j: says what the scripts cannot', (changes, about, sd, salesforce) => {
  const commands = scriptCommands({ ...config, ...changes } as typeof config, { ...facts, ...about });
  const said = (i: number): string => commands[i]!.cannot.join('\n');
  for (const words of sd) expect(said(0)).toContain(words);
  for (const words of salesforce) expect(said(2)).toContain(words);
});

it('is a shell’s text for every preset', () => {
  for (const { config: preset } of [...presets, ...stableDiffusionPresets])
    for (const command of scriptCommands(preset, facts)) {
      const lines = commandText(command).trimEnd().split('\n');
      const shell = lines.filter((line) => !line.startsWith('#'));
      expect(shell[0]).toMatch(/^accelerate launch .* \\$/);
      expect(shell.slice(0, -1).every((line) => line.endsWith(' \\'))).toBe(true);
      expect(shell.at(-1)).not.toContain('\\');
    }
  expect(quoted("it's")).toBe(String.raw`'it'\''s'`);
});
