/** A part of the page that is loaded when it is needed, or before, by its `load`. */
import { t } from '@lingui/core/macro';
import { type ComponentType, type ReactNode, useEffect, useState } from 'react';
import { WinnowError } from '../../shared/errors.ts';

export interface InChunk<Props extends object = object> {
  (props: Props): ReactNode;
  /** Resolves when it can be drawn at once; rejects with NotFound where it does not come, and may be asked again. */
  load(): Promise<void>;
}

/** React's own `lazy` keeps what stands in for a part on screen for 300 ms, though the part came with the page: here it is drawn at once. */
export function inChunk<Props extends object>(ask: () => Promise<ComponentType<Props>>): InChunk<Props> {
  let Part: ComponentType<Props> | undefined;
  let coming: Promise<void> | undefined;
  const load = (): Promise<void> =>
    (coming ??= ask().then(
      (found) => void (Part = found),
      (error: unknown) => {
        coming = undefined;
        const why = error instanceof Error ? error.message : String(error);
        throw new WinnowError(
          'NotFound',
          t`A part of Winnow could not be loaded: ${why}.`,
          t`Reload the page: there may be a newer version, or no network.`,
        );
      },
    ));

  function Chunk(props: Props): ReactNode {
    const [, setHere] = useState(false);
    const [problem, setProblem] = useState<unknown>(null);
    useEffect(() => {
      if (!Part) load().then(() => setHere(true), setProblem);
    }, []);
    // To the boundary around the screen.
    if (problem) throw problem;
    return Part ? <Part {...props} /> : null;
  }
  return Object.assign(Chunk, { load });
}
