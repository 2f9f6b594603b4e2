/**
 * The keys of a subscriber: on their way in, checked against the algorithm's row; at rest, wrapped;
 * in use, unwrapped for one function and wiped when it returns.
 */
import type {
  Algorithm,
  Dependencies,
  KeyMaterial,
  SubscriberRecord,
  Wrapping,
} from "../../dependencies.ts";
import { concatBytes, decodeHex } from "#protocol/bytes";

type Tools = Pick<Dependencies, "vault">;

/** By the names of the algorithm's row, or of what one of them is derived `from`. */
export type SubscriberKeys = ReadonlyMap<string, Uint8Array>;

/** What the catalog keeps of them. */
export type StoredKeys = Pick<
  SubscriberRecord,
  "wrappedKey" | "wrappedOperator" | "wrappedSsd" | "uimId"
>;

/** Of a subscriber whose keys another centre has. */
export const NO_STORED_KEYS: StoredKeys = {
  wrappedKey: undefined,
  wrappedOperator: undefined,
  wrappedSsd: undefined,
  uimId: undefined,
};

interface SubscriberName {
  readonly tenant: string;
  readonly imsi: string;
}

const NO_OPERATOR: Uint8Array = new Uint8Array(0);

const subscriberWrapping = (purpose: string): Wrapping<SubscriberName> => ({
  purpose,
  context: wrappingContext,
});
export const subscriberKeyWrapping = subscriberWrapping("k");
export const operatorConstantWrapping = subscriberWrapping("opc");
export const issuedSsdWrapping = subscriberWrapping("ssd");

/**
 * The keys in `given`, hex, when they are exactly those of the algorithm: every one in its length,
 * an operator constant or what it is derived from but not both, both halves of SSD or none.
 */
export function readKeys(
  algorithm: Algorithm,
  given: Readonly<Record<string, unknown>>,
): SubscriberKeys | undefined {
  const keys = new Map<string, Uint8Array>();
  for (const material of algorithm.keys) {
    for (const name of namesOf(material)) {
      const value = given[name];
      if (value === undefined) continue;
      const bytes = typeof value === "string" ? decodeHex(value) : undefined;
      if (bytes === undefined || !hasLength(material, bytes)) return undefined;
      keys.set(name, bytes);
    }
  }
  if (Object.keys(given).some((name) => given[name] !== undefined && !keys.has(name))) {
    return undefined;
  }
  return isComplete(algorithm, keys) ? keys : undefined;
}

function namesOf({ name, from }: KeyMaterial): readonly string[] {
  return from === undefined ? [name] : [name, from];
}

function hasLength({ bytes }: KeyMaterial, value: Uint8Array): boolean {
  return "min" in bytes
    ? value.length >= bytes.min && value.length <= bytes.max
    : bytes.includes(value.length);
}

/** SSD of zeros is what a module has that was never updated: everybody knows it. */
function isComplete(algorithm: Algorithm, keys: SubscriberKeys): boolean {
  const ssd = algorithm.keys.filter(({ role }) => role === "ssd");
  const halves = ssd.map(({ name }) => keys.get(name)).filter((half) => half !== undefined);
  if (halves.length !== 0 && halves.length !== ssd.length) return false;
  if (halves.some((half) => half.every((byte) => byte === 0))) return false;
  return algorithm.keys
    .filter(({ role }) => role !== "ssd")
    .every((material) => namesOf(material).filter((name) => keys.has(name)).length === 1);
}

/** Takes keys that readKeys gave, and wipes them. */
export function wrapKeys(
  { vault }: Tools,
  subscriber: SubscriberName,
  algorithm: Algorithm,
  keys: SubscriberKeys,
): StoredKeys {
  const context = wrappingContext(subscriber);
  const find = (role: KeyMaterial["role"]): Uint8Array[] =>
    algorithm.keys
      .filter((material) => material.role === role)
      .flatMap(({ name }) => keys.get(name) ?? []);
  const [key] = find("key");
  if (key === undefined) throw new RangeError("a subscriber without a key");
  const operator = deriveOperator(algorithm, key, keys) ?? find("operator")[0];
  const ssd = concatBytes(...find("ssd"));
  const stored = {
    wrappedKey: vault.wrap(subscriberKeyWrapping.purpose, context, key),
    wrappedOperator: operator && vault.wrap(operatorConstantWrapping.purpose, context, operator),
    wrappedSsd: ssd.length === 0 ? undefined : vault.wrap(issuedSsdWrapping.purpose, context, ssd),
    uimId: find("equipment")[0]?.slice(),
  };
  for (const secret of [...keys.values(), ssd]) secret.fill(0);
  operator?.fill(0);
  return stored;
}

/** OPc or TOPc, when OP or TOP was given in its place. */
function deriveOperator(
  algorithm: Algorithm,
  key: Uint8Array,
  keys: SubscriberKeys,
): Uint8Array | undefined {
  const material = algorithm.keys.find(({ role }) => role === "operator");
  const from = material?.from === undefined ? undefined : keys.get(material.from);
  if (from === undefined || algorithm.family === "cdma") return undefined;
  return algorithm.deriveOperator?.(key, from);
}

/** `key` is K, Ki, A-key or secret; `operator` is OPc or TOPc, empty where there is none. */
export function withKeys<T>(
  { vault }: Tools,
  subscriber: SubscriberRecord,
  use: (key: Uint8Array, operator: Uint8Array) => T,
): T {
  const context = wrappingContext(subscriber);
  const { wrappedKey, wrappedOperator } = subscriber;
  if (wrappedKey === undefined) throw new Error("another centre has the subscriber's keys");
  const key = vault.unwrap(subscriberKeyWrapping.purpose, context, wrappedKey);
  const operator =
    wrappedOperator === undefined
      ? NO_OPERATOR
      : vault.unwrap(operatorConstantWrapping.purpose, context, wrappedOperator);
  if (key === undefined || operator === undefined) {
    throw new Error("a subscriber's keys do not unwrap");
  }
  try {
    return use(key, operator);
  } finally {
    key.fill(0);
    operator.fill(0);
  }
}

/** SSD_A || SSD_B, 16 bytes, as enrolled; undefined when there was none. */
export function unwrapIssuedSsd(
  { vault }: Tools,
  subscriber: SubscriberRecord,
): Uint8Array | undefined {
  if (subscriber.wrappedSsd === undefined) return undefined;
  const { purpose, context } = issuedSsdWrapping;
  const ssd = vault.unwrap(purpose, context(subscriber), subscriber.wrappedSsd);
  if (ssd === undefined) throw new Error("a subscriber's SSD does not unwrap");
  return ssd;
}

function wrappingContext({ tenant, imsi }: SubscriberName): string {
  return `${tenant}/${imsi}`;
}
