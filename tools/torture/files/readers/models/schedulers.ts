/** A scheduler's config, through every sampler. */
import { samplerFromConfig, pipelineSchedulerConfig } from '../../../../../src/diffusion/samplers/fromConfig.ts';
import { samplerNames } from '../../../../../src/diffusion/samplers/table.ts';
import {
  formatSchedulerConfig,
  parseSchedulerConfig,
  withOptions,
} from '../../../../../src/diffusion/schedulerConfig.ts';
import { WinnowError } from '../../../../../src/shared/errors.ts';
import { bytesOf, type Files, textOf } from '../../mutate.ts';
import { check, json, onDisk, only, type Reader } from '../reader.ts';

const schedulerWords = [
  '_class_name',
  ...samplerNames,
  'beta_schedule',
  'scaled_linear',
  'squaredcos_cap_v2',
  'trained_betas',
  'timestep_spacing',
  'trailing',
  'leading',
  'linspace',
  'prediction_type',
  'v_prediction',
  'sample',
  'rescale_betas_zero_snr',
  'steps_offset',
  'set_alpha_to_one',
  'use_karras_sigmas',
  'algorithm_type',
  'dpmsolver++',
  'solver_order',
  'lower_order_final',
  'final_sigmas_type',
  'sigma_min',
  'thresholding',
  'clip_sample',
  'clip_sample_range',
  'skip_prk_steps',
  'original_inference_steps',
  'timestep_scaling',
  'sigma_data',
  '_use_default_values',
  'num_train_timesteps',
];

function readScheduler(files: Files): void {
  const config = parseSchedulerConfig(textOf(only(files)));
  formatSchedulerConfig(config);
  const problems: unknown[] = [];
  for (const className of [undefined, ...samplerNames]) {
    try {
      const made = pipelineSchedulerConfig('StableDiffusionPipeline', config, className ?? '');
      const sampler = samplerFromConfig(withOptions(made, { steps_offset: 1 }), {
        steps: 4,
        ...(className && { className }),
      });
      check(sampler.timesteps.length > 0 && sampler.timesteps.every(Number.isFinite), 'timesteps that are none');
      check(Number.isFinite(sampler.initNoiseSigma), `noise of ${sampler.initNoiseSigma}`);
      const x = Float32Array.of(0.5, -0.5);
      const scaled = sampler.scaleModelInput(x, 0);
      const { x: next } = sampler.step(scaled, 0, x, { history: [], calls: 0 }, Float32Array.of(0.1, 0.2));
      check(
        [...scaled, ...sampler.denoised(x, 0, x)].every(Number.isFinite) && next.every(Number.isFinite),
        `${className}: a step to ${next.join(' ')}`,
      );
    } catch (error) {
      problems.push(error);
    }
  }
  const worst = problems.find((error) => !(error instanceof WinnowError)) ?? problems[0];
  if (worst !== undefined) throw worst;
}

export const schedulersReader: Reader = {
  name: 'schedulers',
  sources: [
    'diffusion/schedulerConfig',
    'diffusion/schedule',
    'diffusion/samplers/fromConfig',
    'diffusion/samplers/table',
  ],
  words: schedulerWords,
  seeds: (): Files[] => [
    ...['pipeline-tiny-v', 'pipeline-xl', 'pipeline-lcm', 'pipeline-sd1-pndm'].map((name) => ({
      'scheduler_config.json': onDisk(`cases/${name}/pipeline/scheduler/scheduler_config.json`),
    })),
    {
      'scheduler_config.json': json({
        _class_name: 'DDIMScheduler',
        num_train_timesteps: 8,
        trained_betas: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
      }),
    },
    {
      'scheduler_config.json': json({
        _class_name: 'DDIMScheduler',
        beta_schedule: 'squaredcos_cap_v2',
        prediction_type: 'v_prediction',
        rescale_betas_zero_snr: true,
        timestep_spacing: 'trailing',
      }),
    },
    {
      'scheduler_config.txt': bytesOf(
        '{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity, "solver_order": 2}',
      ),
    },
  ],
  read: readScheduler,
  share: 0.3,
};
