/** What a network predicts, and how to get from it to the denoised sample: samplers and the loss never branch on it elsewhere.
 *
 *  x_t = alpha x_0 + sigma eps with alpha^2 + sigma^2 = 1; v = alpha eps - sigma x_0 (https://arxiv.org/abs/2202.00512, appendix D). */

export const predictionTypes = ['epsilon', 'v_prediction', 'sample'] as const;
export type PredictionType = (typeof predictionTypes)[number];

/** x_0 = ofSample * x_t + ofOutput * model_output. */
export interface Coefficients {
  ofSample: number;
  ofOutput: number;
}

/** Coefficients of the predicted x_0 at signal `alpha` and noise `sigma`. */
export function denoisedCoefficients(prediction: PredictionType, alpha: number, sigma: number): Coefficients {
  switch (prediction) {
    case 'epsilon':
      return { ofSample: 1 / alpha, ofOutput: -sigma / alpha };
    case 'v_prediction':
      return { ofSample: alpha, ofOutput: -sigma };
    case 'sample':
      return { ofSample: 0, ofOutput: 1 };
    default:
      prediction satisfies never;
      throw new Error('unreachable');
  }
}

/** Coefficients of the predicted noise. For `sample` at sigma 0 they are infinite, as the question is. */
export function noiseCoefficients(prediction: PredictionType, alpha: number, sigma: number): Coefficients {
  switch (prediction) {
    case 'epsilon':
      return { ofSample: 0, ofOutput: 1 };
    case 'v_prediction':
      return { ofSample: sigma, ofOutput: alpha };
    case 'sample':
      return { ofSample: 1 / sigma, ofOutput: -alpha / sigma };
    default:
      prediction satisfies never;
      throw new Error('unreachable');
  }
}

/** a x + b y, elementwise, to f32. */
export function combine(a: number, x: Float32Array, b: number, y: Float32Array): Float32Array {
  if (a === 0) return y.map((value) => b * value);
  return x.map((value, i) => a * value + b * y[i]!);
}

/** The predicted x_0 of an output at alphas_cumprod `bar`, held within [-clip, clip] where there is a clip. */
export function denoise(
  prediction: PredictionType,
  bar: number,
  x: Float32Array,
  output: Float32Array,
  clip?: number,
): Float32Array {
  const { ofSample, ofOutput } = denoisedCoefficients(prediction, Math.sqrt(bar), Math.sqrt(1 - bar));
  const x0 = combine(ofSample, x, ofOutput, output);
  return clip === undefined ? x0 : x0.map((value) => Math.min(Math.max(value, -clip), clip));
}
