/**
 * RSA keys for whoever needs one and does not mind that others have it: making one takes some 60
 * ms, so a handful is made once per process and handed out in turn.
 */
import type { KeyObject } from "node:crypto";
import { generateRsaKey } from "./signatures.ts";

const POOL_KEYS = 8;
const pool: KeyObject[] = [];
let taken = 0;

/** `POOL_KEYS` in a row are different. */
export function takeRsaKey(): KeyObject {
  const index = taken++ % POOL_KEYS;
  const key = pool[index] ?? generateRsaKey();
  pool[index] = key;
  return key;
}
