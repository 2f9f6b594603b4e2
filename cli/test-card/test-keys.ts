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

export interface TestKeyPair {
  /** Value of C1. */
  readonly publicKey: Uint8Array;
  /** 32 bytes on a curve, PKCS #8 for RSA. */
  readonly privateKey: Uint8Array;
}

/** What vouches for the platform's keys, and a platform's key, for whoever plays the platform. */
export interface SigningTestKeys {
  readonly anchor: TestKeyPair;
  readonly platform: TestKeyPair;
}

export const TEST_DEPLOYMENT = requireHex(testKeys.deployment);
export const TEST_TENANT = testKeys.tenant;

export function signingKeysOf(suite: SuiteName): SigningTestKeys {
  const row = Object.entries(testKeys.signingKeys).find(([name]) => name === suite)?.[1];
  if (row === undefined) throw new RangeError("a symmetric suite signs nothing");
  return { anchor: readPair(row.anchor), platform: readPair(row.platform) };
}

export function sharedKeyOf(suite: SuiteName): SharedTestKey {
  const row = Object.entries(testKeys.sharedKeys).find(([name]) => name === suite)?.[1];
  if (row === undefined) throw new RangeError("a certificate suite shares no key");
  return { key: requireHex(row.key), keyVersion: row.keyVersion };
}

function readPair(pair: { readonly publicKey: string; readonly privateKey: string }): TestKeyPair {
  return { publicKey: requireHex(pair.publicKey), privateKey: requireHex(pair.privateKey) };
}

function requireHex(text: string): Uint8Array {
  const bytes = decodeHex(text);
  if (bytes === undefined) throw new Error("a test key is not hex");
  return bytes;
}
