// HMAC-SHA-256, FIPS 198-1 section 4: H((K0 + opad) || H((K0 + ipad) || text)).
//
// REQUEST  K0 64: the key, zeros after it
// MESSAGE  64 bytes of room | text
// OUTPUT   32 bytes; the room and the text are overwritten

import { MESSAGE, OUTPUT } from "./arena";
import { REQUEST } from "./arena-vectors";
import { sha256 } from "./sha256";

const BLOCK_BYTES: usize = 64;
const DIGEST_BYTES: usize = 32;
const IPAD: i8 = 0x36;
const OPAD: i8 = 0x5c;

/** K0 + pad to the first block of MESSAGE. */
function putKey(pad: i8): void {
  for (let offset: usize = 0; offset < BLOCK_BYTES; offset += 16) {
    v128.store(MESSAGE + offset, v128.xor(v128.load(REQUEST + offset), i8x16.splat(pad)));
  }
}

/** HMAC of the `byteCount` bytes after the first block of MESSAGE, to OUTPUT. */
export function hmacSha256(byteCount: i32): void {
  putKey(IPAD);
  sha256(i32(BLOCK_BYTES) + byteCount);
  putKey(OPAD);
  memory.copy(MESSAGE + BLOCK_BYTES, OUTPUT, DIGEST_BYTES);
  sha256(i32(BLOCK_BYTES + DIGEST_BYTES));
}
