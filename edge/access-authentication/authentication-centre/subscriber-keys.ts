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
import { concatBytes, decodeHex, equalBytes } from "#protocol/bytes";
import type { RowFault } from "#protocol/import";

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
/** What is wrong with the keys of a row, and at which of them. */
export type KeysRead =
  | { readonly ok: true; readonly keys: SubscriberKeys }
  | ({ readonly ok: false } & RowFault);

/**
 * The keys in `given`, hex, when they are exactly those of the algorithm: every one in its length,
 * an operator constant or what it is derived from but not both, both halves of SSD or none.
 */
export function readKeys(algorithm: Algorithm, given: Readonly<Record<string, unknown>>): KeysRead {
  const keys = new Map<string, Uint8Array>();
  const fault = fillKeys(keys, algorithm, given) ?? findGap(algorithm, keys);
  if (fault === undefined) return { ok: true, keys };
  for (const secret of keys.values()) secret.fill(0);
  return { ok: false, ...fault };
}

function fillKeys(
  keys: Map<string, Uint8Array>,
  algorithm: Algorithm,
  given: Readonly<Record<string, unknown>>,
): RowFault | undefined {
  for (const column of Object.keys(given)) {
    const value = given[column];
    if (value === undefined) continue;
    const material = algorithm.keys.find(({ name, from }) => name === column || from === column);
    if (material === undefined) return { column, reason: "not_for_algorithm" };
    const bytes = typeof value === "string" ? decodeHex(value) : undefined;
    if (bytes === undefined) return { column, reason: "not_hex" };
    if (!hasLength(material, bytes)) return { column, reason: "wrong_length" };
    keys.set(column, bytes);
  }
  return undefined;
}

function hasLength({ bytes }: KeyMaterial, value: Uint8Array): boolean {
  return "min" in bytes
    ? value.length >= bytes.min && value.length <= bytes.max
    : bytes.includes(value.length);
}

/** SSD of zeros is what a module has that was never updated: everybody knows it. */
function findGap(algorithm: Algorithm, keys: SubscriberKeys): RowFault | undefined {
  const hasSsd = algorithm.keys.some(({ role, name }) => role === "ssd" && keys.has(name));
  for (const { name, from, role } of algorithm.keys) {
    const value = keys.get(name);
    const isDerived = from !== undefined && keys.has(from);
    if (value !== undefined && isDerived) return { column: from, reason: "one_of_two" };
    const isOptional = role === "ssd" && !hasSsd;
    if (value === undefined && !isDerived && !isOptional)
      return { column: name, reason: "missing" };
    const isZero = value !== undefined && value.every((byte) => byte === 0);
    if (role === "ssd" && isZero) return { column: name, reason: "ssd_of_zeros" };
  }
  return undefined;
}

/**
 * The names of the keys in which a subscriber differs from what readKeys gave; SSD that was not
 * given says nothing. The time tells no more than the answer does.
 */
export function compareKeys(
  tools: Tools,
  subscriber: SubscriberRecord,
  algorithm: Algorithm,
  keys: SubscriberKeys,
): string[] {
  const given = (role: KeyMaterial["role"]): Uint8Array[] =>
    algorithm.keys
      .filter((material) => material.role === role)
      .flatMap(({ name }) => keys.get(name) ?? []);
  const nameOf = (role: KeyMaterial["role"]): string[] =>
    algorithm.keys
      .flatMap((material) => (material.role === role ? [material.name] : []))
      .slice(0, 1);
  const [key = NO_OPERATOR] = given("key");
  const derived = deriveOperator(algorithm, key, keys);
  const operator = derived ?? given("operator")[0] ?? NO_OPERATOR;
  const ssd = concatBytes(...given("ssd"));
  const known = unwrapIssuedSsd(tools, subscriber) ?? NO_OPERATOR;
  const different = withKeys(tools, subscriber, (knownKey, knownOperator) => [
    ...(equalBytes(key, knownKey) ? [] : nameOf("key")),
    ...(equalBytes(operator, knownOperator) ? [] : nameOf("operator")),
    ...(ssd.length === 0 || equalBytes(ssd, known) ? [] : nameOf("ssd")),
    ...given("equipment").flatMap((number) =>
      equalBytes(number, subscriber.uimId ?? NO_OPERATOR) ? [] : nameOf("equipment"),
    ),
  ]);
  derived?.fill(0);
  ssd.fill(0);
  known.fill(0);
  return different;
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
