/** What the studio shows and others say: titles and hints of the tables outside it, as they stand there. words.test.ts holds them together. */
import { msg } from '@lingui/core/macro';
import { generateMessageId } from '@lingui/message-utils/generateMessageId';
import { i18n } from './language.ts';

/** Presets, losses and their settings, samplers' options, what the engine is at. */
export const fixed = [
  msg`Quick taste`,
  msg`A first look at what your labels do, from a dozen pairs on.`,
  msg`One pair a step: a first look at what your labels do.`,
  msg`Standard`,
  msg`For about a hundred labelled pairs.`,
  msg`For about a hundred labelled pairs and more.`,
  msg`Careful`,
  msg`Gentler and longer: stays closer to the base model.`,
  msg`Gentler and longer, for several hundred pairs.`,
  msg`Every weight`,
  msg`Full fine-tuning instead of a LoRA: more memory, and a whole model as its result.`,
  msg`Full fine-tuning instead of a LoRA: far more memory, and a whole model as its result.`,
  msg`DPO, the original`,
  msg`DPO with soft labels: ties and “clearly” count`,
  msg`IPO: stops at a margin`,
  msg`Hinge: stops at a margin, hard`,
  msg`DMPO: stops at a confidence, softly`,
  msg`Robust DPO: expects some labels to be wrong`,
  msg`KTO: winner and loser on their own`,
  msg`MaPO: no reference needed`,
  msg`Linear DPO: weighs a pair by a clipped line`,
  msg`SFT: learns from the winners alone`,
  msg`DMPO alpha`,
  msg`It learns up to a confidence of 1 less this.`,
  msg`Label smoothing`,
  msg`Share of labels you expect to be wrong.`,
  msg`Linear eta`,
  msg`Least weight of a pair that is learnt already.`,
  msg`MaPO beta`,
  msg`Weight of the margin against the winner’s own error.`,
  msg`MaPO T`,
  msg`Factor on the margin.`,
  msg`MaPO k`,
  msg`How soon a large error stops counting.`,
  msg`Preference, tie`,
  msg`0.5: neither is better.`,
  msg`Preference, left or right`,
  msg`Chance that the chosen one is better.`,
  msg`Preference, clearly`,
  msg`The same, of a clear left or right.`,
  msg`Min-SNR gamma`,
  msg`Weighs timesteps with little noise less; 5 is usual.`,
  msg`SDPO mu`,
  msg`Holds the loser back where it would make the winner worse; 0.9 is usual.`,
  msg`Eta`,
  msg`Fresh noise of each step: 0 is none, 1 is DDPM.`,
  msg`Karras noise levels`,
  msg`Noise levels of Karras et al., equation 5, instead of evenly spaced timesteps.`,
  msg`Opening the GPU`,
  msg`Opening the model`,
  msg`Measuring kernels`,
];

/** In the language that is spoken, where it has it; else as it stands. */
export function said(english: string): string {
  const id = generateMessageId(english);
  return i18n.messages[id] === undefined ? english : i18n._({ id, message: english });
}
