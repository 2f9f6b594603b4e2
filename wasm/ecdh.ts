// Diffie-Hellman on P-256, in constant time and without awaiting, alike in every runtime. sm2.ts has
// it for the curve of SM2.

import { CoreInputError, isP256Point } from "./index.ts";
import { requireBytes } from "./core.ts";
import { clearArena, core, input, output } from "./sm-arena.ts";
import { writePublicKey } from "./sm2.ts";

const PUBLIC_KEY_BYTES = 65;
const UNCOMPRESSED_POINT = 0x04; // SEC 1 section 2.3.3
const PRIVATE_KEY_BYTES = 32;
const POINT_BYTES = 64; // X || Y
const COORDINATE_BYTES = 32;
const PRIVATE_KEY_OFFSET = 128;

export interface P256KeyPair {
  readonly privateKey: Uint8Array; // 32 bytes, big-endian, in [1, n - 1]
  readonly publicKey: Uint8Array; // 65 bytes, 04 || X || Y
}

/**
 * A key pair from random bytes, which become the private key (SP 800-56A section 5.6.1.2.2, testing
 * candidates).
 * @param random 32 bytes of a cryptographic source, used for nothing else
 * @returns undefined, in one case of 2^32, if they are 0 or not below n: then ask with others
 * @throws CoreInputError for another length
 */
export function p256KeyPair(random: Uint8Array): P256KeyPair | undefined {
  requireBytes("random", random, PRIVATE_KEY_BYTES);
  try {
    input.set(random, PRIVATE_KEY_OFFSET);
    if (core.p256PublicKey() !== 1) return undefined;
    const publicKey = Uint8Array.of(UNCOMPRESSED_POINT, ...output.subarray(0, POINT_BYTES));
    return { privateKey: random.slice(), publicKey };
  } finally {
    clearArena();
  }
}

/**
 * The shared secret of SP 800-56A section 5.7.1.2: the x-coordinate of [d]Q.
 * @param privateKey 32 bytes, in [1, n - 1]
 * @param peerPublicKey 65 bytes, 04 || X || Y
 * @returns 32 bytes, to be hashed before use; undefined if the peer's key is no point of the curve
 * @throws CoreInputError for another length, or range of the private key
 */
export function p256SharedSecret(
  privateKey: Uint8Array,
  peerPublicKey: Uint8Array,
): Uint8Array | undefined {
  requireBytes("privateKey", privateKey, PRIVATE_KEY_BYTES);
  requireBytes("peerPublicKey", peerPublicKey, PUBLIC_KEY_BYTES);
  if (!isP256Point(peerPublicKey)) return undefined;
  try {
    writePublicKey(peerPublicKey);
    input.set(privateKey, PRIVATE_KEY_OFFSET);
    if (core.p256SharedPoint() !== 1)
      throw new CoreInputError("privateKey", "in the range 1 to n - 1");
    return output.slice(0, COORDINATE_BYTES);
  } finally {
    clearArena();
  }
}
