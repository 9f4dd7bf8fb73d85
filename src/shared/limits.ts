/** Bounds of what comes from outside: what a person or a file asks for beyond them is a slip or an attack, and is refused by name before
 *  anything is allocated. */

/** Of a request for pictures. */
export const limits = {
  /** Sampling steps: schedules have 1000. */
  steps: 1000,
  guidanceScale: 100,
  /** Pixels of a side. */
  side: 8192,
  /** torch.Generator keeps 32 bits of a seed. */
  seed: 2 ** 32 - 1,
  /** Pictures, pairs or comparisons of one command. */
  count: 100_000,
  /** Of (timestep, noise), in a bank that models are held against one another on. */
  draws: 1000,
  /** Steps of a training run. */
  trainSteps: 1_000_000,
  /** Characters of a prompt. */
  prompt: 10_000,
} as const;
