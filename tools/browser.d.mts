export function findBrowser(options?: { install?: boolean; log?: (line: string) => void }): string;
export function hasGpu(): boolean;
export function browserArgs(options?: { software?: boolean }): string[];
