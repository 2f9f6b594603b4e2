/**
 * The keys that a card under test is personalised with. They are public, so a card that has them
 * protects nothing; that is why a deployment and a tenant of their own go along.
 */
import { decodeHex } from "#protocol/bytes";
import type { SuiteName } from "#protocol/suites";
import testKeys from "./test-keys.json";

export interface SharedTestKey {
  /** 16 bytes. */
  readonly key: Uint8Array;
  readonly keyVersion: number;
}

export const TEST_DEPLOYMENT = requireHex(testKeys.deployment);
export const TEST_TENANT = testKeys.tenant;

/**
 * Value of C1: what vouches for the platform's keys. The private halves, and a platform key, are in
 * test-keys.json for whoever plays the platform to such a card.
 */
export function anchorPublicKeyOf(suite: SuiteName): Uint8Array {
  const row = Object.entries(testKeys.signingKeys).find(([name]) => name === suite)?.[1];
  if (row === undefined) throw new RangeError("a symmetric suite signs nothing");
  return requireHex(row.anchor.publicKey);
}

export function sharedKeyOf(suite: SuiteName): SharedTestKey {
  const row = Object.entries(testKeys.sharedKeys).find(([name]) => name === suite)?.[1];
  if (row === undefined) throw new RangeError("a certificate suite shares no key");
  return { key: requireHex(row.key), keyVersion: row.keyVersion };
}

function requireHex(text: string): Uint8Array {
  const bytes = decodeHex(text);
  if (bytes === undefined) throw new Error("a test key is not hex");
  return bytes;
}
