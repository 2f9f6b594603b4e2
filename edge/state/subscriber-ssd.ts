/**
 * The shared secret data of a CAVE subscriber, at the one writer that it has. An update offers the
 * module new SSD; the old and the new one are kept until an AUTHR proves which of them the module
 * took, and then the other is erased.
 */
import type { Dependencies, SubscriberRecord, Wrapping } from "../dependencies.ts";
import { FIRST_STORE_GENERATION } from "../limits.ts";
import { readNumber, readOptionalBytes, type Sql } from "./sql.ts";

export const ssdWrapping: Wrapping<{ readonly object: string; readonly keyVersion: number }> = {
  purpose: "ssd",
  context: ({ object, keyVersion }) => `${object}/${keyVersion}`,
};

/** New SSD whose RANDBS came, and which the module may have taken. */
export interface SsdOffer {
  /** 16 bytes, wrapped. */
  readonly wrapped: Uint8Array;
  /** The module's challenge, 4 bytes. */
  readonly randbs: Uint8Array;
  /** Of the RANDSSD. */
  readonly number: number;
  /** Of the first challenge with AUTHBS; 0 before it. */
  readonly confirmNumber: number;
  /** The order that it carries out. */
  readonly order: number;
}

export interface SsdState {
  /** 16 bytes, wrapped, as an AUTHR proved it; undefined before the first update. */
  readonly wrappedSsd: Uint8Array | undefined;
  readonly offer: SsdOffer | undefined;
  /** The newest order that was carried out. */
  readonly doneOrder: number;
  readonly storeGeneration: number;
}

const NO_SSD: SsdState = {
  wrappedSsd: undefined,
  offer: undefined,
  doneOrder: 0,
  storeGeneration: FIRST_STORE_GENERATION,
};

/** SSD made of other keys than the present ones is void. */
export function loadSsd(sql: Sql, object: string, { keyVersion }: SubscriberRecord): SsdState {
  const [row] = sql.all("SELECT * FROM slot_ssd WHERE object = ?", object);
  if (row === undefined || readNumber(row, "key_version") !== keyVersion) return NO_SSD;
  return {
    wrappedSsd: readOptionalBytes(row, "wrapped_ssd"),
    offer: readOffer(row),
    doneOrder: readNumber(row, "done_order"),
    storeGeneration: readNumber(row, "store_generation"),
  };
}

function readOffer(row: Parameters<typeof readNumber>[0]): SsdOffer | undefined {
  const wrapped = readOptionalBytes(row, "wrapped_offer");
  const randbs = readOptionalBytes(row, "randbs");
  if (wrapped === undefined || randbs === undefined) return undefined;
  return {
    wrapped,
    randbs,
    number: readNumber(row, "offer_number"),
    confirmNumber: readNumber(row, "confirm_number"),
    order: readNumber(row, "offer_order"),
  };
}

export function saveSsd(
  sql: Sql,
  object: string,
  { keyVersion }: SubscriberRecord,
  { wrappedSsd, offer, doneOrder, storeGeneration }: SsdState,
): void {
  sql.run(
    "INSERT OR REPLACE INTO slot_ssd VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    object,
    keyVersion,
    wrappedSsd ?? null,
    offer?.wrapped ?? null,
    offer?.randbs ?? null,
    offer?.number ?? 0,
    offer?.order ?? 0,
    offer?.confirmNumber ?? 0,
    doneOrder,
    storeGeneration,
  );
}

/**
 * An update is due where no SSD is known, for an order that was not carried out, and after a
 * restore, which may have lost one; not while the module still owes its word on the last offer.
 */
export function isUpdateDue(
  state: SsdState,
  { ssdUpdates, wrappedSsd }: SubscriberRecord,
  storeGeneration: number,
): boolean {
  if (state.wrappedSsd === undefined && wrappedSsd === undefined) return true;
  const isStale = state !== NO_SSD && state.storeGeneration < storeGeneration;
  if (isStale) return true;
  return state.doneOrder < ssdUpdates && state.offer?.order !== ssdUpdates;
}

type Tools = Pick<Dependencies, "vault" | "centre">;

/**
 * SSD_A || SSD_B, 16 bytes, that an AUTHR may be under: what was proven or issued, and what is on
 * offer. To be wiped by whoever asks.
 */
export function openCandidates(
  { vault, centre }: Tools,
  object: string,
  subscriber: SubscriberRecord,
  { wrappedSsd, offer }: SsdState,
): { readonly proven: Uint8Array | undefined; readonly offered: Uint8Array | undefined } {
  const open = (wrapped: Uint8Array) => unwrapSsd({ vault }, object, subscriber, wrapped);
  return {
    proven: wrappedSsd === undefined ? centre.issuedSsd(subscriber) : open(wrappedSsd),
    offered: offer && open(offer.wrapped),
  };
}

export function wrapSsd(
  { vault }: Pick<Tools, "vault">,
  object: string,
  { keyVersion }: SubscriberRecord,
  ssd: Uint8Array,
): Uint8Array {
  const { purpose, context } = ssdWrapping;
  return vault.wrap(purpose, context({ object, keyVersion }), ssd);
}

export function unwrapSsd(
  { vault }: Pick<Tools, "vault">,
  object: string,
  { keyVersion }: SubscriberRecord,
  wrapped: Uint8Array,
): Uint8Array {
  const { purpose, context } = ssdWrapping;
  const ssd = vault.unwrap(purpose, context({ object, keyVersion }), wrapped);
  if (ssd === undefined) throw new Error("SSD does not unwrap");
  return ssd;
}
