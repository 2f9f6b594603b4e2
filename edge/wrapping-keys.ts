/**
 * The keys that secrets at rest are wrapped with, apart from the master key: they can be replaced,
 * while what the master key names (objects, tokens, stand-ins) cannot.
 */
import { hkdfSync } from "node:crypto";

import { type Bytes, decodeBase64Url, encodeAscii, equalBytes } from "#protocol/bytes";
import { failure, type Result, success } from "#protocol/result";

const WRAPPING_KEY_BYTES = 32;
/** Two bytes of a wrapped secret. */
export const WRAPPING_KEY_ID_MAX = 0xffff;
/** The wrapping key that is made from the master key; in the list it stands without bytes. */
const MASTER_DERIVED_ID = 0;
const WRAPPING_KEYS_MAX = 16;
const CHECK_VALUE_BYTES = 16;

export interface WrappingKey {
  readonly id: number;
  /** 32 bytes. */
  readonly key: Bytes;
}

/** The first wraps; each opens what was wrapped under its id. */
export type WrappingKeys = readonly [WrappingKey, ...WrappingKey[]];

export function masterWrappingKey(masterKey: Uint8Array): WrappingKey {
  return { id: MASTER_DERIVED_ID, key: new Uint8Array(masterKey) };
}

export type WrappingKeysFault = "malformed" | "too_many" | "id_twice" | "key_twice" | "regular";

/**
 * `2:<base64url>,1:<base64url>,0`: an id from 1 to 65535 and 32 bytes; 0 alone is the key made from
 * the master key. `isRegular` says that bytes do not come from a random source.
 */
export function parseWrappingKeys(
  text: string,
  masterKey: Uint8Array,
  isRegular: (key: Uint8Array) => boolean,
): Result<WrappingKeys, WrappingKeysFault> {
  const keys: WrappingKey[] = [];
  for (const entry of text.split(",")) {
    const key = parseEntry(entry.trim(), masterKey);
    if (key === undefined) return failure("malformed");
    if (isRegular(key.key)) return failure("regular");
    if (keys.some(({ id }) => id === key.id)) return failure("id_twice");
    // The master key under another id would be key 0 again.
    const others = [masterWrappingKey(masterKey), ...keys].filter(({ id }) => id !== key.id);
    if (others.some((other) => equalBytes(other.key, key.key))) return failure("key_twice");
    keys.push(key);
  }
  const [newest, ...older] = keys;
  if (newest === undefined || keys.length > WRAPPING_KEYS_MAX) return failure("too_many");
  return success([newest, ...older]);
}

function parseEntry(entry: string, masterKey: Uint8Array): WrappingKey | undefined {
  if (entry === String(MASTER_DERIVED_ID)) return masterWrappingKey(masterKey);
  const parts = /^(?<id>[1-9][0-9]{0,4}):(?<key>[A-Za-z0-9_-]+)$/.exec(entry)?.groups;
  const id = Number(parts?.["id"]);
  const key = decodeBase64Url(parts?.["key"] ?? "");
  if (key?.length !== WRAPPING_KEY_BYTES || !(id <= WRAPPING_KEY_ID_MAX)) return undefined;
  return { id, key };
}

/** 16 bytes that tell one key from another, and from which neither can be computed. */
export function checkValueOf({ key }: WrappingKey): Bytes {
  const info = encodeAscii("simlatch/1 wrapping key check");
  return new Uint8Array(hkdfSync("sha256", key, new Uint8Array(0), info, CHECK_VALUE_BYTES));
}

/** A wrapping key as the catalog remembers it. */
interface RecordedKey {
  readonly id: number;
  readonly checkValue: Uint8Array;
}

export interface WrappingKeyFault {
  /** Rows need a key that is not configured, or that is configured with other bytes. */
  readonly reason: "wrapping_key_absent" | "wrapping_key_changed";
  readonly id: number;
}

/**
 * The keys that rows may be under, against those that are configured. `recorded` holds each key
 * that something wrapped with, until a whole pass of the re-wrap job found nothing under it.
 */
export function findWrappingKeyFault(
  configured: readonly RecordedKey[],
  recorded: readonly RecordedKey[],
): WrappingKeyFault | undefined {
  for (const { id, checkValue } of recorded) {
    const own = configured.find((key) => key.id === id);
    if (own === undefined) return { reason: "wrapping_key_absent", id };
    if (!equalBytes(own.checkValue, checkValue)) return { reason: "wrapping_key_changed", id };
  }
  return undefined;
}
