export function buildForDeno(root: string, folder: string): Promise<string>;
