export function bundlePath(root: string): string;
export function buildCli(root: string, options?: { force?: boolean }): Promise<void>;
