/** Models that come with the product, by their folder in public/models; the first is the one the studio opens on. */
export const embeddedModels: readonly string[] = ['postcard'];
