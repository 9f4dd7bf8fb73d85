/** Readers of LoRA files and of PEFT's configs, for a model of a few layers. */
import { loraParts, type LoraSites, readLora, sumLora, writeLora } from '../../../../src/data/formats/lora.ts';
import { parsePeftConfig, peftAlpha } from '../../../../src/data/formats/peftConfig.ts';
import { openSafetensors, writeSafetensors } from '../../../../src/data/formats/safetensors.ts';
import { type Files, textOf } from '../mutate.ts';
import { check, json, numbers, only, type Reader } from './reader.ts';

const block = 'down_blocks.0.attentions.0';
const sites: LoraSites = {
  unet: [
    {
      path: `${block}.transformer_blocks.0.attn2.to_k`,
      weightShape: [4, 6],
      original: 'input_blocks.1.1.transformer_blocks.0.attn2.to_k',
    },
    {
      path: `${block}.transformer_blocks.0.attn1.to_out.0`,
      weightShape: [4, 4],
      original: 'input_blocks.1.1.transformer_blocks.0.attn1.to_out.0',
    },
    { path: `${block}.proj_in`, weightShape: [4, 4, 1, 1], original: 'input_blocks.1.1.proj_in' },
    {
      path: 'down_blocks.0.resnets.0.conv1',
      weightShape: [4, 3, 3, 3],
      original: 'input_blocks.1.0.in_layers.2',
    },
    { path: 'add_embedding.linear_1', weightShape: [4, 6], original: 'label_emb.0.0' },
  ],
  text_encoder: [{ path: 'text_model.encoder.layers.0.self_attn.q_proj', weightShape: [4, 4] }],
  text_encoder_2: [
    { path: 'text_model.encoder.layers.0.self_attn.q_proj', weightShape: [4, 4] },
    { path: 'text_projection', weightShape: [4, 4] },
  ],
};

function loraModules(parts: readonly (keyof LoraSites)[]): Parameters<typeof writeLora>[0] {
  return Object.fromEntries(
    parts.map((part) => [
      part,
      new Map(
        sites[part]!.map(({ path, weightShape: [out, ...rest] }, i) => {
          const rank = 1 + (i % 2);
          const width = rest.reduce((product, axis) => product * axis, 1);
          return [path, { down: numbers(rank * width), up: numbers(out! * rank), rank, alpha: 1 + i }];
        }),
      ),
    ]),
  );
}

const renamed = (tensors: ReturnType<typeof writeLora>, by: (name: string) => string): ReturnType<typeof writeLora> =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [by(name), tensor]));

const peftConfig = {
  peft_type: 'LORA',
  r: 2,
  lora_alpha: 5,
  bias: 'none',
  use_rslora: false,
  init_lora_weights: true,
  modules_to_save: null,
  loftq_config: {},
  rank_pattern: { 'attn1.*': 2, proj_in: 1 },
  alpha_pattern: { '.*attn2.*': 7, to_v: 1, '^down_blocks\\.\\d\\..*to_[qk]': 9, '0': 4 },
};

function loraSeeds(): Files[] {
  const all = loraModules(loraParts);
  const unet = loraModules(['unet']);
  const kohya = writeLora(all, sites, 'kohya');
  const peft = writeLora(all, sites, 'peft');
  const one = writeLora(unet, sites, 'peft');
  const file = (tensors: ReturnType<typeof writeLora>, metadata: Record<string, string> = {}): Files => ({
    'lora.safetensors': writeSafetensors(tensors, metadata),
  });
  const prefixed = Object.fromEntries(
    loraParts.flatMap((part) => Object.entries(peftConfig).map(([key, value]) => [`${part}.${key}`, value])),
  );
  return [
    file(kohya, { ss_base_model_version: 'sd_v1', ss_network_dim: '4' }),
    file(
      writeLora(
        { unet: all.unet!, text_encoder: all.text_encoder! },
        { unet: sites.unet!, text_encoder: sites.text_encoder! },
        'kohya',
      ),
    ),
    file(renamed(kohya, (name) => name.replace('down_blocks_0_attentions_0', 'input_blocks_1_1'))),
    file(peft, { lora_adapter_metadata: JSON.stringify(prefixed) }),
    file(renamed(peft, (name) => name.replace('.lora_A.', '.lora.down.').replace('.lora_B.', '.lora.up.'))),
    file(
      renamed(one, (name) =>
        name.replace(
          /\.to_(k|out)(?:\.0)?\.lora_([AB])\./,
          (_, to: string, half: string) => `.processor.to_${to}_lora.${half === 'A' ? 'down' : 'up'}.`,
        ),
      ),
    ),
    {
      ...file(renamed(one, (name) => `base_model.model.${name.replace(/^unet\./, '')}`)),
      'adapter_config.json': json({ ...peftConfig, r: null, rank_pattern: {} }),
    },
    file(renamed(one, (name) => name.replace(/^unet\./, 'diffusion_model.').replace('.lora_A.', '.lora_A.default.'))),
    file({ '<my-token>': { shape: [2, 6], data: numbers(12) } }),
    file(
      { 'double_blocks.0.lora_A.weight': { shape: [1, 4], data: numbers(4) } },
      { 'modelspec.architecture': 'flux-1' },
    ),
  ];
}

async function readLoraFile(files: Files): Promise<void> {
  const config = files['adapter_config.json'];
  const file = await openSafetensors(files['lora.safetensors'] ?? new Uint8Array(), 'lora.safetensors');
  const { modules } = await readLora(file, sites, config && textOf(config));
  for (const format of ['kohya', 'peft'] as const) {
    const written = await openSafetensors(writeSafetensors(writeLora(modules, sites, format)), 'again');
    if (written.names.length === 0) continue;
    const again = await readLora(written, sites);
    for (const part of loraParts)
      check(
        again.modules[part].size === modules[part].size,
        `${part} has other layers when it is written as ${format}`,
      );
  }
  for (const part of loraParts) {
    for (const { down, up, rank, alpha } of modules[part].values()) {
      check(rank > 0 && Number.isFinite(alpha), `rank ${rank}, alpha ${alpha}`);
      check(down.every(Number.isFinite) && up.every(Number.isFinite), 'numbers that are none');
    }
    const sum = sumLora([
      { modules: modules[part], strength: 0.5 },
      { modules: modules[part], strength: 2 },
    ]);
    check(sum.size === modules[part].size, 'a sum of other layers');
  }
}

const layers = [
  'down_blocks.0.attentions.1.transformer_blocks.0.attn2.to_k',
  'up_blocks.3.attentions.0.transformer_blocks.0.attn1.to_out.0',
  'mid_block.resnets.0.conv1',
];

function readPeftConfig(files: Files): void {
  const alphaOf = peftAlpha(parsePeftConfig(textOf(only(files)), 'adapter_config.json'), 'adapter_config.json');
  for (const layer of layers) check(Number.isFinite(alphaOf([layer, layer.slice(5)], 2)), 'an alpha that is none');
}

const patternWords = [
  'to_k',
  '.*attn2.*',
  '(?:attn1|attn2)\\.to_(q|k|v)$',
  '^down_blocks\\.\\d+\\..*to_[^q]',
  '(?P<layer>attn\\d)\\.to_k',
  '(?!.*attn1).*to_k{1,3}?',
  '(?=down).{3,}[]k]+',
  '\\Adown.*\\bto_k\\Z',
  '((a{9}){9}){9}',
  '[to',
  '(?i)x',
  '(?<=x)y',
  '.*(?<!attn1\\.)to_k',
  '\\1',
  '\\p',
  '\\.{,2}',
  'a**',
  'a{3,1}',
  '(x',
  'x)',
  '*',
];

const loraWords = [
  'lora_unet_',
  'lora_te1_',
  'lora_te2_',
  'text_encoder.',
  'text_encoder_2.',
  'unet.',
  'base_model.model.',
  'diffusion_model.',
  '.lora_A.weight',
  '.lora_B.default.weight',
  '.lora_up.weight',
  '.lora_down.weight',
  '.alpha',
  '.processor',
  'to_k',
  'attn2.to_k',
  '.dora_scale',
  '.hada_w1_a',
  '.lokr_w1',
  'double_blocks',
  'transformer_blocks.3.',
  'img_mlp',
  'joint_blocks',
  'lora_adapter_metadata',
  'ss_base_model_version',
  'modelspec.architecture',
  'sdxl_base',
  'peft_type',
  'LORA',
  'LOHA',
  'use_dora',
  'use_rslora',
  'lora_alpha',
  'alpha_pattern',
  'rank_pattern',
  'modules_to_save',
  'init_lora_weights',
  'pissa',
  'bias',
  '(to_q|to_k)',
  '(a?){9}',
  '[^.]*',
  '\\d+',
  '.?.?.?.?.?.?.?.?.?.?.?.?',
  '.*.*.*.*.*x',
  '(?:.|..)(?:.|..)(?:.|..)(?:.|..)(?:.|..)(?:.|..)(?:.|..)(?:.|..)(?:.|..)(?:.|..)(?:.|..)(?:.|..)x',
];

export const loraReaders: readonly Reader[] = [
  {
    name: 'lora',
    sources: [
      'data/formats/lora',
      'data/formats/loraKeys',
      'data/formats/loraKinds',
      'data/formats/peftConfig',
      'data/formats/pattern',
    ],
    words: loraWords,
    seeds: loraSeeds,
    read: readLoraFile,
    share: 0.3,
  },
  {
    name: 'peft-config',
    sources: ['data/formats/peftConfig', 'data/formats/pattern'],
    words: [...loraWords, ...patternWords],
    seeds: (): Files[] => [
      { 'adapter_config.json': json({ ...peftConfig, r: null, rank_pattern: {} }) },
      { 'adapter_config.json': json({ alpha_pattern: Object.fromEntries(patternWords.map((key, i) => [key, i])) }) },
      ...patternWords.map((key) => ({
        'adapter_config.json': json({ alpha_pattern: { [key]: 1 }, use_rslora: true }),
      })),
    ],
    read: readPeftConfig,
  },
];
