/** An error as a person reads it: what happened and what to do. */
export interface Problem {
  name: string;
  message: string;
  /** Where it was thrown, for the diagnostics; never shown first. */
  detail: string;
}

/** Named errors already hold both sentences. Anything else is a fault of ours, and says so. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof Error))
    return {
      name: 'Error',
      message: `Something went wrong: ${String(error)} Reload the page; your labels and saved runs are kept.`,
      detail: '',
    };
  const named = !/^(Error|TypeError|RangeError|ReferenceError|SyntaxError|DOMException)$/.test(error.name);
  const message = named
    ? error.message
    : `Something went wrong in Winnow: ${error.message.replace(/\.?$/, '.')} Reload the page; your labels and saved runs are kept.`;
  return { name: error.name, message, detail: error.stack ?? '' };
}

export const isCancelled = (error: unknown): boolean => error instanceof Error && error.name === 'Cancelled';
