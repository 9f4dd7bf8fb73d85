/** How the published training scripts are called with a run's settings, and what of the run they cannot say: `huggingface/diffusers`
 *  examples/research_projects/diffusion_dpo (train_diffusion_dpo.py, train_diffusion_dpo_sdxl.py) and SalesforceAIResearch/DiffusionDPO train.py.
 *  They begin a new run with other draws; only our own continue.py goes on with this one. */
import { losses } from '../../losses/table.ts';
import type { TrainConfig } from '../types.ts';

export interface CommandFacts {
  /** A diffusers folder or an id. */
  model: string;
  /** ModelInfo.family; undefined where no model was named. */
  family: string | undefined;
  prediction: string | undefined;
  /** AutoencoderKL, or another; undefined where no model was named. */
  autoencoder: string | undefined;
  /** Of the pictures, the shorter side, in pixels. */
  resolution: number;
  /** As load_dataset takes it. */
  data: string;
  /** The run started from an adapter, or has gone some steps. */
  begun: boolean;
  ties: number;
}

export interface ScriptCommand {
  /** Of its file: `command-NAME.txt`. */
  name: string;
  title: string;
  /** One argument an entry, flag and value together. */
  command: readonly string[];
  /** What it cannot say of the run, in a sentence each. */
  cannot: readonly string[];
}

export function scriptCommands(config: TrainConfig, facts: CommandFacts): ScriptCommand[] {
  return [diffusers('sd', config, facts), diffusers('sdxl', config, facts), salesforce(config, facts)];
}

/** As a shell takes it back. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** The text of a script's file. */
export function commandText({ title, command, cannot }: ScriptCommand): string {
  const lines = cannot.map((what) => `# - ${what}\n`);
  return [
    `# ${title}: a new run with these settings and pairs. Other draws than Winnow's: no step is the same.\n`,
    ...(lines.length > 0 ? ['# It cannot say:\n', ...lines] : []),
    `${command.join(' \\\n  ')}\n`,
  ].join('');
}

/** torch with 0 would make every gradient 0. */
const clip = ({ maxGradNorm }: TrainConfig): string => String(maxGradNorm === 0 ? 1e9 : maxGradNorm);

const schedule = ({ lrSchedule, warmupSteps }: TrainConfig): string[] => [
  `--lr_scheduler ${lrSchedule === 'cosine' ? 'cosine' : 'constant_with_warmup'}`,
  `--lr_warmup_steps ${warmupSteps}`,
];

const common = (config: TrainConfig, { model, data, resolution }: CommandFacts, split: string): string[] => [
  `--pretrained_model_name_or_path ${quoted(model)}`,
  `--dataset_name ${quoted(data)}`,
  `${split} train`,
  `--resolution ${resolution}`,
  // A flip moves latents as far as another picture would.
  '--no_hflip',
  `--train_batch_size ${config.pairsPerStep}`,
  `--gradient_accumulation_steps ${config.accumulation}`,
  `--learning_rate ${config.learningRate}`,
  ...schedule(config),
  `--max_train_steps ${config.steps}`,
  `--max_grad_norm ${clip(config)}`,
  ...(config.saveEvery > 0 ? [`--checkpointing_steps ${config.saveEvery}`] : []),
];

/** --adam_epsilon has a scientific default of its own. */
const adam = ({ adamBeta1, adamBeta2, adamEps, weightDecay }: TrainConfig): string[] => [
  `--adam_beta1 ${adamBeta1}`,
  `--adam_beta2 ${adamBeta2}`,
  `--adam_epsilon ${adamEps}`,
  `--adam_weight_decay ${weightDecay}`,
];

/** What none of them can say. */
function forNone(config: TrainConfig, { begun, prediction, ties, autoencoder }: CommandFacts): string[] {
  const { loss, timestepRange, minSnrGamma, sdpoMu } = config;
  return [
    ...(begun
      ? ["what the run has learnt, its moments and the adapters under it: it starts from the model's own weights"]
      : []),
    ...(timestepRange[0] !== 0 || timestepRange[1] !== 1000
      ? [`timesteps from ${timestepRange[0]} to ${timestepRange[1]}: it draws from 0 to 1000`]
      : []),
    ...(minSnrGamma !== null && losses[loss].readsLogit ? [`min-SNR gamma ${minSnrGamma}`] : []),
    ...(sdpoMu !== null && losses[loss].readsLoser ? [`SDPO mu ${sdpoMu}`] : []),
    ...(loss === 'sigmoid' && config.labelSmoothing > 0 ? [`label smoothing ${config.labelSmoothing}`] : []),
    ...(prediction !== undefined && prediction === 'sample' ? ['that the network predicts the picture'] : []),
    ...(autoencoder !== undefined && autoencoder !== 'AutoencoderKL'
      ? [
          `the model's ${autoencoder}: it opens it as an AutoencoderKL with random weights, and only warns. Do not use it for this model`,
        ]
      : []),
    ...(ties > 0 ? [`${ties} ties: they are left out of data/`] : []),
    'latents as they are: pictures go through the autoencoder again',
    `winner and loser errors apart: it does not log them`,
  ];
}

function diffusers(which: 'sd' | 'sdxl', config: TrainConfig, facts: CommandFacts): ScriptCommand {
  const sdxl = which === 'sdxl';
  const { loss, beta, mode, rank, alpha, targets, promptDropout, recompute } = config;
  const theirBeta = sdxl ? beta : beta / 2;
  const rounded = Math.max(1, Math.round(theirBeta));
  const known = loss === 'sigmoid' || (loss === 'hinge' && !sdxl);
  const isXl = facts.family?.includes('XL');
  return {
    name: `diffusers-${which}`,
    title: sdxl ? "diffusers' train_diffusion_dpo_sdxl.py" : "diffusers' train_diffusion_dpo.py",
    command: [
      // Only with fp16 said to the script itself are the LoRA and its moments f32.
      `accelerate launch --mixed_precision fp16 ${sdxl ? 'train_diffusion_dpo_sdxl.py' : 'train_diffusion_dpo.py'}`,
      '--mixed_precision fp16',
      ...common(config, facts, '--dataset_split_name'),
      `--rank ${rank}`,
      `--beta_dpo ${rounded}`,
      ...(loss === 'hinge' && !sdxl ? ['--loss_type hinge'] : []),
      ...adam(config),
      ...(recompute === 'blocks' ? ['--gradient_checkpointing'] : []),
      ...(config.saveEvery > 0 ? [`--checkpoints_total_limit ${config.keepCheckpoints}`] : []),
      `--output_dir OUT`,
    ],
    cannot: [
      ...(isXl !== undefined && isXl !== sdxl
        ? [`a model of the family ${facts.family}: it is for ${sdxl ? 'SDXL' : 'Stable Diffusion'}`]
        : []),
      ...(mode === 'full' ? [`training of every weight: it trains a LoRA of rank ${rank}`] : []),
      ...(mode === 'lora' && alpha !== rank ? [`alpha ${alpha}: its alpha is its rank, ${rank}`] : []),
      ...(mode === 'lora' && targets === 'all' ? ['an adapter on every layer: it has one on the attention'] : []),
      ...(known ? [] : [`the loss ${loss}: it has sigmoid${sdxl ? '' : ' and hinge'}`]),
      ...(rounded === theirBeta ? [] : [`a beta of ${theirBeta} on its scale: --beta_dpo is a whole number`]),
      ...(promptDropout > 0 ? [`prompt dropout ${promptDropout}: it has none`] : []),
      'a seed: with --seed, all of several processes draw the same noise, so there is none',
      'going on after a stop: --resume_from_checkpoint puts the weights into an adapter that is not trained, and loses them',
      ...forNone(config, facts),
    ],
  };
}

function salesforce(config: TrainConfig, facts: CommandFacts): ScriptCommand {
  const { loss, beta, mode, promptDropout, seed } = config;
  const sdxl = facts.family?.includes('XL') ?? false;
  return {
    name: 'salesforce',
    title: "Salesforce's train.py (DiffusionDPO)",
    command: [
      'accelerate launch --mixed_precision fp16 train.py',
      ...common(config, facts, '--split'),
      ...(sdxl ? ['--sdxl'] : []),
      `--beta_dpo ${beta}`,
      ...(loss === 'sft' ? ['--sft'] : []),
      ...(sdxl ? [] : adam(config)),
      `--proportion_empty_prompts ${promptDropout}`,
      `--seed ${seed}`,
      '--output_dir OUT',
    ],
    cannot: [
      ...(mode === 'lora' ? [`a LoRA: it trains every weight, and ${config.learningRate} is a LoRA's rate`] : []),
      ...(loss === 'sigmoid' || loss === 'sft' ? [] : [`the loss ${loss}: it has sigmoid and SFT`]),
      ...(loss === 'sft'
        ? ["--sft for these columns unless the data's path has pickapic in it: rename the folder"]
        : []),
      ...(sdxl ? ['AdamW: for SDXL it takes Adafactor'] : []),
      ...(facts.prediction === 'v_prediction' ? ['a network that predicts v: it stops'] : []),
      ...(sdxl && promptDropout > 0 ? ['prompts dropped to zeros: it encodes the empty one'] : []),
      'keepCheckpoints: it keeps every checkpoint',
      'a reference in f32: it casts its copy to fp16; and it needs xformers and CUDA',
      ...forNone(config, facts),
    ],
  };
}
