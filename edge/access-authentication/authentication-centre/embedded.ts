/**
 * The embedded authentication centre: the keys of our own subscribers and what is computed with
 * them (TS 33.102, 6.3). K, OPc, CK and IK live in these functions only and are wiped before they
 * return; CK and IK key nothing (invariant I10).
 */
import type { Dependencies, SubscriberRecord } from "../../dependencies.ts";
import { equalBytes } from "#protocol/bytes";

type Tools = Pick<Dependencies, "core" | "vault">;

/** What a vector gives away: RAND and AUTN to the module, XRES to the slot's writer. */
export interface EmbeddedVector {
  /** 16 bytes. */
  readonly autn: Uint8Array;
  /** 8 bytes. */
  readonly xres: Uint8Array;
}

interface SubscriberName {
  readonly tenant: string;
  readonly imsi: string;
}

/** K and OPc (16 bytes each) as the subscriber table keeps them; withKeys is the way back. */
export function wrapKeys(
  { vault }: Pick<Tools, "vault">,
  subscriber: SubscriberName,
  k: Uint8Array,
  opc: Uint8Array,
): Pick<SubscriberRecord, "wrappedK" | "wrappedOpc"> {
  const context = wrappingContext(subscriber);
  return { wrappedK: vault.wrap("k", context, k), wrappedOpc: vault.wrap("opc", context, opc) };
}

function wrappingContext({ tenant, imsi }: SubscriberName): string {
  return `${tenant}/${imsi}`;
}

/** `rand` 16 bytes, `sqn` 6 bytes and already reserved. */
export function computeVector(
  tools: Tools,
  subscriber: SubscriberRecord,
  rand: Uint8Array,
  sqn: Uint8Array,
): EmbeddedVector {
  return withKeys(tools, subscriber, (k, opc) => {
    const vector = tools.core.generateVector(k, opc, rand, sqn, subscriber.amf);
    vector.ck.fill(0);
    vector.ik.fill(0);
    return { autn: vector.autn, xres: vector.xres };
  });
}

/** SQN_MS, 6 bytes, when MAC-S verifies (TS 33.102, 6.3.5). */
export function openResynchronisation(
  tools: Tools,
  subscriber: SubscriberRecord,
  rand: Uint8Array,
  auts: Uint8Array,
): Uint8Array | undefined {
  return withKeys(tools, subscriber, (k, opc) => tools.core.openAuts(k, opc, rand, auts));
}

/** One RES, whole, of the expected length and at least `bytesMin` long. */
export function matchesExpectedAnswer(
  values: readonly Uint8Array[],
  xres: Uint8Array,
  bytesMin: number,
): boolean {
  const [res] = values;
  if (res === undefined || values.length !== 1 || res.length < bytesMin) return false;
  return equalBytes(res, xres);
}

function withKeys<T>(
  { vault }: Tools,
  subscriber: SubscriberRecord,
  use: (k: Uint8Array, opc: Uint8Array) => T,
): T {
  const context = wrappingContext(subscriber);
  const k = vault.unwrap("k", context, subscriber.wrappedK);
  const opc = vault.unwrap("opc", context, subscriber.wrappedOpc);
  if (k === undefined || opc === undefined) throw new Error("a subscriber's keys do not unwrap");
  try {
    return use(k, opc);
  } finally {
    k.fill(0);
    opc.fill(0);
  }
}
