/** Models that come with the product, by their folder in public/models; the first is the one the studio opens on. */
export const embeddedModels: readonly string[] = ['postcard'];

/** How a picture is made unless somebody says otherwise: what the embedded model was judged with (docs/model-card.md). */
export const samplingDefaults = { steps: 12, guidanceScale: 2, scheduler: 'DPMSolverMultistepScheduler' } as const;
