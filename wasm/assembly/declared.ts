// What may be known of a secret: that a private key or a nonce is in range, and that a signature
// need not be tried again. Each such bit, 1 in all but impossible cases, passes through one byte,
// which the walk of tests/core/constant-time.test.ts takes as public.

export const DECLARED: usize = memory.data(16, 16);

/** The bit, 0 or 1, on which the caller may branch. */
export function declarePublic(bit: i32): bool {
  store<u8>(DECLARED, u8(bit));
  const declared = load<u8>(DECLARED) !== 0;
  store<u8>(DECLARED, 0);
  return declared;
}
