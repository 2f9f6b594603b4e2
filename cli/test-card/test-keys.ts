/**
 * The keys that a card under test is personalised with. They are public, so a card that has them
 * protects nothing; that is why a deployment and a tenant of their own go along.
 */
import { decodeHex } from "#protocol/bytes";
import type { SuiteName } from "#protocol/suites";
import testKeys from "./test-keys.json";

export interface TestKeyPair {
  /** Value of C1. */
  readonly publicKey: Uint8Array;
  /** 32 bytes on a curve; PKCS #8 of RSA. */
  readonly privateKey: Uint8Array;
}

/** What vouches for the platform, and the platform's own key. */
export interface SigningKeys {
  readonly anchor: TestKeyPair;
  readonly platform: TestKeyPair;
}

export interface SharedTestKey {
  /** 16 bytes. */
  readonly key: Uint8Array;
  readonly keyVersion: number;
}

export const TEST_DEPLOYMENT = requireHex(testKeys.deployment);
export const TEST_TENANT = testKeys.tenant;

export function signingKeysOf(suite: SuiteName): SigningKeys {
  const row = Object.entries(testKeys.signingKeys).find(([name]) => name === suite)?.[1];
  if (row === undefined) throw new RangeError("a symmetric suite signs nothing");
  const pair = ({ publicKey, privateKey }: typeof row.anchor): TestKeyPair => ({
    publicKey: requireHex(publicKey),
    privateKey: requireHex(privateKey),
  });
  return { anchor: pair(row.anchor), platform: pair(row.platform) };
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
