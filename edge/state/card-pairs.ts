/**
 * The subscribers that a card has had a SUCCESS beside. The first one pins the IMSI, its number and
 * the version of its keys; a pairing that changed since is refused until two people clear it.
 */
import type { Dependencies } from "../dependencies.ts";
import { encodeAscii, equalBytes } from "#protocol/bytes";
import { readNumber, readOptionalBytes, type Sql } from "./sql.ts";

/** What the centre proved, as far as a pairing holds on to it. */
export interface PairedSubscriber {
  readonly tenant: string;
  /** The subscriber's number, where the centre knows it. */
  readonly msisdn?: string | undefined;
  /** Raised when K or OPc are replaced. */
  readonly keyVersion: number;
}

interface Pair {
  readonly numberMac: Uint8Array | undefined;
  readonly keyVersion: number;
}

/** 32 bytes that stand for a number: it can be recognised, not read. */
function numberMacOf(
  vault: Dependencies["vault"],
  { tenant, msisdn }: PairedSubscriber,
): Uint8Array | undefined {
  return msisdn === undefined
    ? undefined
    : vault.mac("subscriber number", encodeAscii(`${tenant}/${msisdn}`));
}

function findPair(sql: Sql, object: string, subscriberMac: Uint8Array): Pair | undefined {
  const [row] = sql.all(
    "SELECT number_mac, key_version FROM card_pair WHERE object = ? AND subscriber_mac = ?",
    object,
    subscriberMac,
  );
  if (row === undefined) return undefined;
  return {
    numberMac: readOptionalBytes(row, "number_mac"),
    keyVersion: readNumber(row, "key_version"),
  };
}

/** This card has had a SUCCESS beside this subscriber. */
export function isPair(sql: Sql, object: string, subscriberMac: Uint8Array): boolean {
  return findPair(sql, object, subscriberMac) !== undefined;
}

/** What of a pairing is not as it was: a swapped SIM, or one that was issued anew. */
export type PairingChange = "keys_replaced" | "number_changed" | "number_moved";

/**
 * The IMSI is pinned with other keys or another number, or the number with another IMSI. A number
 * that was not known when the IMSI was pinned contradicts nothing; one that is gone does.
 */
export function findPairingChange(
  sql: Sql,
  object: string,
  vault: Dependencies["vault"],
  subscriberMac: Uint8Array,
  subscriber: PairedSubscriber,
): PairingChange | undefined {
  const numberMac = numberMacOf(vault, subscriber);
  const pinned = findPair(sql, object, subscriberMac);
  if (pinned !== undefined) {
    if (pinned.keyVersion !== subscriber.keyVersion) return "keys_replaced";
    const known = pinned.numberMac;
    if (known !== undefined && (numberMac === undefined || !equalBytes(known, numberMac))) {
      return "number_changed";
    }
  }
  if (numberMac === undefined) return undefined;
  const others = sql.all(
    "SELECT 1 FROM card_pair WHERE object = ? AND number_mac = ? AND subscriber_mac <> ?",
    object,
    numberMac,
    subscriberMac,
  );
  return others.length > 0 ? "number_moved" : undefined;
}

/** With a SUCCESS, in its transaction. */
export function savePair(
  sql: Sql,
  object: string,
  vault: Dependencies["vault"],
  subscriberMac: Uint8Array,
  subscriber: PairedSubscriber,
): void {
  sql.run(
    "INSERT OR REPLACE INTO card_pair VALUES (?, ?, ?, ?)",
    object,
    subscriberMac,
    numberMacOf(vault, subscriber) ?? null,
    subscriber.keyVersion,
  );
}

export function forgetPairs(sql: Sql, object: string): void {
  sql.run("DELETE FROM card_pair WHERE object = ?", object);
}
