/** The YAML that lies beside a checkpoint in one file (`model.yaml` for `model.safetensors`): the config of the program that trained it, which
 *  A1111 reads. Of it, what the checkpoint itself does not say: what the network predicts, and how its latents are scaled.
 *  CompVis/latent-diffusion ddpm.py (`parameterization`, `scale_factor`), Stability-AI/generative-models denoiser_scaling.py. */
import { WinnowError } from '../../shared/errors.ts';
import { own } from '../../shared/json.ts';
import { decodeText, isUtf16 } from './text.ts';

export interface CheckpointYaml {
  predictionType?: 'epsilon' | 'v_prediction' | 'sample';
  scalingFactor?: number;
}

/** The published ones take some 3 KB. */
const MAX_BYTES = 2 ** 20;

const types: Readonly<Record<string, NonNullable<CheckpointYaml['predictionType']>>> = {
  eps: 'epsilon',
  v: 'v_prediction',
  x0: 'sample',
};

/** Where it may lie, by the checkpoint's path. */
export const yamlNames = (checkpoint: string): string[] =>
  ['yaml', 'yml'].map((ending) => checkpoint.replace(/\.[^./]+$/, `.${ending}`));

/** Throws BadFile for one that is too large, or that says of either what nobody could mean. */
export function parseCheckpointYaml(bytes: Uint8Array, file: string): CheckpointYaml {
  const bad = (what: string): WinnowError =>
    new WinnowError('BadFile', `${file} ${what}.`, 'Correct it, or move it away from the checkpoint.');
  if (bytes.length > MAX_BYTES) throw bad('is too large for a config');
  const text = (isUtf16(bytes) ? decodeText(bytes, file) : new TextDecoder().decode(bytes)).replaceAll(
    /\r\n?|[\u2028\u2029]/g,
    '\n',
  );
  /** The value of a key: a line of its own, or within braces; quoted or not; not in a comment. */
  const valueOf = (key: string): string | undefined =>
    new RegExp(`^(?:[^#\\n]*[{,])?[ \\t]*["']?${key}["']?[ \\t]*:[ \\t]*["']?([^\\s"',}#]+)`, 'm').exec(text)?.[1];
  const said = valueOf('parameterization');
  const predictionType = said === undefined ? byClass(text) : own(types, said);
  if (said !== undefined && predictionType === undefined) throw bad(`says parameterization: ${said.slice(0, 40)}`);
  const scale = valueOf('scale_factor');
  const scalingFactor = Number(scale);
  if (scale !== undefined && !(scalingFactor >= 1e-6 && scalingFactor <= 1e6))
    throw bad(`says scale_factor: ${scale.slice(0, 40)}`);
  return { ...(predictionType && { predictionType }), ...(scale !== undefined && { scalingFactor }) };
}

/** By the class that scales the denoiser's output; or, where latent-diffusion's own says nothing, by its default. */
function byClass(text: string): CheckpointYaml['predictionType'] {
  const [, kind] = /^[^#\n]*denoiser_scaling\.(Eps|V)Scaling/m.exec(text) ?? [];
  if (kind) return kind === 'Eps' ? 'epsilon' : 'v_prediction';
  const isOwn = text.split('\n').some((line) => {
    const said = line.split('#', 1)[0]!;
    const at = said.search(/target[ \t"']*:/);
    return at >= 0 && said.includes('diffusion.ddpm.', at);
  });
  return isOwn ? 'epsilon' : undefined;
}
