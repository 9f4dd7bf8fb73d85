/** Takes the place of `new Function` in emscripten's `_emval_get_method_caller`: the same caller, put together from closures. It knows the four kinds
 *  of text that emscripten writes (call, construct, cast, call a method; each with or without a value that is returned), and refuses any other. Its
 *  own text is what goes into the loader, so it names nothing outside itself.
 *  @param names what the text calls: `toValue`, `getStringOrSymbol`, `toReturnWire`, `emval_returnValue`, `argFromPtr0`, ...
 *  @param text the body that emscripten would compile: returns function (handle, methodName, destructorsRef, args). */
export function emvalCaller(
  names: Record<string, (...values: unknown[]) => unknown>,
  text: string,
): (handle: number, methodName: number, destructorsRef: number, args: number) => unknown {
  const found =
    /^return function \(handle, methodName, destructorsRef, args\) \{\s*(return emval_returnValue\(toReturnWire, destructorsRef, )?(new \(toValue\(handle\)\)|toValue\(handle\)\[getStringOrSymbol\(methodName\)\]|toValue\(handle\)|)\(([^()]*(?:\([^()]*\)[^()]*)*)\)\)?\s*\}$/.exec(
      text,
    );
  if (!found) throw new TypeError(`A caller of an unknown kind: ${text}`);
  const [, returns, callee, list] = found as unknown as [string, string | undefined, string, string];
  const read = (list.match(/argFromPtr\d+/g) ?? []).map((name) => names[name]!);
  return (handle, methodName, destructorsRef, args) => {
    const values = read.map((one, i) => one(args + 8 * i));
    let value: unknown;
    if (callee === '') value = values[values.length - 1];
    else {
      const target = names['toValue']!(handle) as never;
      if (callee.startsWith('new')) value = Reflect.construct(target, values);
      else if (callee.endsWith(']'))
        value = (target as Record<string, (...given: unknown[]) => unknown>)[
          names['getStringOrSymbol']!(methodName) as string
        ]!(...values);
      else value = (target as (...given: unknown[]) => unknown)(...values);
    }
    return returns ? names['emval_returnValue']!(names['toReturnWire'], destructorsRef, value) : undefined;
  };
}
