/** PEFT's LoraConfig, as adapter_config.json or as diffusers' `lora_adapter_metadata`: how strong each module is.
 *  peft/tuners/lora/model.py _create_and_replace, peft/tuners/lora/layer.py update_layer, peft/utils/other.py get_pattern_key. */
import { WinnowError } from '../../shared/errors.ts';
import { isRecord, parseJsonObject, shown } from '../../shared/json.ts';
import { type PathPattern, pathPattern } from './pattern.ts';

const again = 'Export the LoRA again.';

export type PeftConfig = Readonly<Record<string, unknown>>;

/** alpha of a module, such that alpha / rank is its scale. `paths`: what the module is called where PEFT matches it. Throws BadFile. */
export type AlphaOf = (paths: readonly string[], rank: number) => number;

/** LoraConfig's own defaults. */
const defaultAlpha = 8;

/** Fields that make the adapter something else than W + scale B A. */
const otherAdapters: Readonly<Record<string, string>> = {
  use_dora: 'a DoRA (use_dora)',
  lora_bias: 'a LoRA with biases (lora_bias)',
  use_qalora: 'a QA-LoRA (use_qalora)',
  use_bdlora: 'a block-diagonal LoRA (use_bdlora)',
  alora_invocation_tokens: 'an activated LoRA (alora_invocation_tokens)',
  layer_replication: 'a LoRA of replicated layers (layer_replication)',
  target_parameters: 'a LoRA of bare parameters (target_parameters)',
  trainable_token_indices: 'a LoRA with trained tokens (trainable_token_indices)',
  modules_to_save: 'a LoRA with whole layers beside it (modules_to_save)',
  arrow_config: 'a mixture of LoRAs (arrow_config)',
  kasa_config: 'a KaSA (kasa_config)',
  velora_config: 'a VeLoRA (velora_config)',
  monteclora_config: 'a MonteCLoRA (monteclora_config)',
};

/** Starts that take the adapter out of the base's own weights: it fits no other base than that remainder. */
const changesBase = /^(pissa|olora|corda|loftq|lora_ga)/;

export function parsePeftConfig(text: string, where: string): PeftConfig {
  // The first of several patterns counts, and an object here would have "0" (of to_out.0) before all others.
  const ordered = text.replaceAll(/(?<!\\)"(\d+)"(?=\s*:)/g, '"(?:$1)"');
  return parseJsonObject(ordered, { file: where, remedy: again });
}

/** @param where the config stands, for errors. */
export function peftAlpha(config: PeftConfig, where: string): AlphaOf {
  const type = config['peft_type'] ?? 'LORA';
  if (type !== 'LORA') throw notRead(where, `an adapter of the kind ${shown(type)}`);
  for (const [field, what] of Object.entries(otherAdapters)) {
    const value = config[field];
    if (Array.isArray(value) ? value.length > 0 : value) throw notRead(where, what);
  }
  const bias = config['bias'] ?? 'none';
  if (bias !== 'none') throw notRead(where, `a LoRA with biases (bias ${shown(bias)})`);
  const start = config['init_lora_weights'];
  if (typeof start === 'string' && changesBase.test(start))
    throw notRead(where, `a LoRA that began by changing its base (init_lora_weights ${shown(start)})`);
  const number = (value: unknown, field: string): number => {
    if (typeof value !== 'number' || !Number.isFinite(value)) throw bad(`${where}: ${field} is ${shown(value)}.`);
    return value;
  };
  const alpha = number(config['lora_alpha'] ?? defaultAlpha, 'lora_alpha');
  const rank = config['r'] == null ? undefined : number(config['r'], 'r');
  const patterns = (field: string): Pattern[] =>
    Object.entries(table(config[field] ?? {}, field, where)).map(([key, value]) => ({
      matches: patternOf(key, field, where),
      value: number(value, `${field} ${shown(key)}`),
    }));
  const [alphas, ranks] = [patterns('alpha_pattern'), patterns('rank_pattern')];
  const rslora = Boolean(config['use_rslora']);
  const spend = budget(where);
  const pick = (from: readonly Pattern[], paths: readonly string[]): number | undefined =>
    from.find(({ matches }) => paths.some((path) => matches(path, spend)))?.value;
  return (paths, found) => {
    const said = pick(ranks, paths) ?? rank;
    if (said !== undefined && said !== found)
      throw new WinnowError(
        'BadFile',
        `${where} gives ${paths[0]} rank ${said}, the LoRA file has rank ${found}.`,
        'Choose the config that was saved with this file.',
      );
    const own = pick(alphas, paths) ?? alpha;
    return rslora ? own * Math.sqrt(found) : own;
  };
}

interface Pattern {
  matches: PathPattern;
  value: number;
}

function patternOf(key: string, field: string, where: string): PathPattern {
  const found = key.length > 1000 ? undefined : pathPattern(key);
  if (found) return found;
  throw bad(`${where}: ${field} has the expression ${shown(key.slice(0, 80))}, which cannot be read.`);
}

/** Of all expressions at all layers: some seconds' work at most, and a hundred times what a pattern for every layer takes. */
const MAX_STEPS = 5e7;

function budget(where: string): (steps: number) => void {
  let left = MAX_STEPS;
  return (steps) => {
    left -= steps;
    if (left < 0) throw bad(`${where} has expressions that take too long to match.`);
  };
}

function table(value: unknown, field: string, where: string): Record<string, unknown> {
  if (!isRecord(value)) throw bad(`${where}: ${field} is ${shown(value)}.`);
  return value;
}

const bad = (what: string): WinnowError => new WinnowError('BadFile', what, again);

const notRead = (where: string, what: string): WinnowError =>
  new WinnowError(
    'BadFile',
    `${where} says that this is ${what}, which Winnow does not read.`,
    'Choose a plain LoRA, or merge it into the model with the tool that made it.',
  );
