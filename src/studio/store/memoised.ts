/** Selectors that allocate. A component that reads one is drawn again when the result changes, and not when anything else does. */
import { shallow } from 'zustand/shallow';
import type { Studio } from './useStudio.ts';

export type Selector<Result> = (state: Studio) => Result;

/** @param make is asked again only when something it reads has changed; one result is kept.
 *  @param isSame a new result that is the same as the last one is thrown away. */
export function memoised<Inputs extends unknown[], Result>(
  inputs: [...{ [Index in keyof Inputs]: Selector<Inputs[Index]> }],
  make: (...read: Inputs) => Result,
  isSame: (a: Result, b: Result) => boolean = Object.is,
): Selector<Result> {
  let last: { read: Inputs; result: Result } | undefined;
  return (state) => {
    const read = inputs.map((input) => input(state)) as Inputs;
    if (last && read.every((value, index) => Object.is(value, last!.read[index]))) return last.result;
    const result = make(...read);
    last = { read, result: last && isSame(result, last.result) ? last.result : result };
    return last.result;
  };
}

/** Lists whose items have the same fields. */
export const sameRows = (a: readonly object[], b: readonly object[]): boolean =>
  a.length === b.length && a.every((row, index) => shallow(row, b[index]));
