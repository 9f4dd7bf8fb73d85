// Of a kernel with `const SAME`, `SIZE0` to `SIZE2` and `STRIDE0` to `STRIDE3`.

/** Where what is broadcast holds its partner of element i. Integer division is dear on some adapters: a level is decoded only if an outer one needs it. */
fn broadcast_index(i: u32) -> u32 {
  if (SAME) { return i; }
  let outer0 = i / SIZE0;
  var at = outer0 * STRIDE1;
  if (STRIDE0 != 0u) { at += (i - outer0 * SIZE0) * STRIDE0; }
  if (SIZE1 == 1u) { return at; }
  let outer1 = outer0 / SIZE1;
  at += outer1 * STRIDE2 - outer1 * SIZE1 * STRIDE1;
  if (SIZE2 == 1u) { return at; }
  let outer2 = outer1 / SIZE2;
  return at + outer2 * STRIDE3 - outer2 * SIZE2 * STRIDE2;
}
