// SM3 (GB/T 32905-2016) and HMAC with it (FIPS 198-1). Digests and MACs are 32 bytes, big-endian.

import { requireBytes } from "./core.ts";
import { clearArena, core, feed, input, output } from "./sm-arena.ts";

const DIGEST_BYTES = 32;
const BLOCK_BYTES = 64; // of SM3: a longer HMAC key is hashed first

/**
 * SM3 of any number of bytes.
 * @returns 32 bytes
 * @throws CoreInputError if data is not a Uint8Array
 */
export function sm3(data: Uint8Array): Uint8Array {
  requireBytes("data", data);
  try {
    core.sm3Start();
    feed(data, core.sm3Update, core.sm3Finish);
    return output.slice(0, DIGEST_BYTES);
  } finally {
    core.sm3Wipe();
    clearArena(data.length);
  }
}

/**
 * HMAC-SM3 under a key of any length, in constant time for a given length.
 * @returns 32 bytes; a caller that checks a MAC compares them in constant time
 * @throws CoreInputError if an argument is not a Uint8Array
 */
export function hmacSm3(key: Uint8Array, data: Uint8Array): Uint8Array {
  requireBytes("key", key);
  requireBytes("data", data);
  const hashed = key.length > BLOCK_BYTES ? sm3(key) : undefined;
  const shortKey = hashed ?? key;
  try {
    input.set(shortKey);
    core.hmacSm3Start(shortKey.length);
    feed(data, core.sm3Update, core.hmacSm3Finish);
    return output.slice(0, DIGEST_BYTES);
  } finally {
    hashed?.fill(0);
    core.sm3Wipe();
    clearArena(data.length);
  }
}
