/** The key that the registry knows a card by: a public key, or a shared key, kept wrapped. */
import type { CardRecord, Dependencies, Wrapping } from "#edge/dependencies";
import { concatBytes, encodeCounter } from "#protocol/bytes";
import { suiteNamed } from "#protocol/suites";
import type { CardKeyName } from "#protocol/transcript";

type Tools = Pick<Dependencies, "vault">;

/** A shared key (16 bytes) as the registry keeps it, and the row it is wrapped for. */
export interface SharedCardKey {
  readonly tenant: string;
  readonly cardId: string;
  readonly wrappedKey: Uint8Array;
}

const PURPOSE = "card key";

export const cardKeyWrapping: Wrapping<Omit<SharedCardKey, "wrappedKey">> = {
  purpose: PURPOSE,
  context: ({ tenant, cardId }) => `${tenant}/${cardId}`,
};

export function wrapCardKey(
  { vault }: Tools,
  card: Omit<SharedCardKey, "wrappedKey">,
  key: Uint8Array,
): Uint8Array {
  return vault.wrap(PURPOSE, cardKeyWrapping.context(card), key);
}

/** 16 bytes; the caller wipes them. */
export function unwrapCardKey({ vault }: Tools, card: SharedCardKey): Uint8Array {
  const key = vault.unwrap(PURPOSE, cardKeyWrapping.context(card), card.wrappedKey);
  if (key === undefined) throw new Error("a card's key does not unwrap");
  return key;
}

/**
 * Stands for a shared key wherever a certificate card has its public key: equal for equal keys of
 * one version, in all tenants, and nothing can be computed from it.
 */
export function nameSharedKey({ vault }: Tools, key: Uint8Array, keyVersion: number): Uint8Array {
  return vault.mac(PURPOSE, concatBytes(encodeCounter(keyVersion), key));
}

/** How the transcript names the card's key. */
export function cardKeyName(
  card: Pick<CardRecord, "suite" | "pinnedKey" | "keyVersion">,
): CardKeyName {
  return suiteNamed(card.suite).credential === "certificate"
    ? { publicKey: card.pinnedKey }
    : { keyVersion: card.keyVersion };
}
