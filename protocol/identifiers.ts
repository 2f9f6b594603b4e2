/** The names of things: what a card, a subscriber, an operator and a session are called. */
import { type Bytes, decodeHex } from "./bytes.ts";

/** 16 upper-case hex digits; equal to the serialNumber attribute of the card's certificate. */
export const CARD_ID_PATTERN = /^[0-9A-F]{16}$/;

/** TS 23.003 section 2.2: MCC, MNC and MSIN, decimal digits, at most 15 together. */
export const IMSI_PATTERN = /^[0-9]{6,15}$/;

export const TENANT_PATTERN = /^[a-z0-9][a-z0-9-]{0,31}$/;

/** MCC (3 digits) and MNC (2 or 3 digits), written without a separator. */
export const OPERATOR_PATTERN = /^[0-9]{5,6}$/;

export const DEFAULT_TENANT = "default";

/** Who gives an order, trimmed: printable characters of any script, spaces between them. */
export const PERSON_PATTERN = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]{1,64}$/u;

/** The same name in another case, width or Unicode form, or with other spaces, is the same. */
export function isSamePerson(one: string, other: string): boolean {
  return foldName(one) === foldName(other);
}

function foldName(name: string): string {
  return name.normalize("NFKC").trim().replaceAll(/ +/g, " ").toLowerCase();
}

/** The card id as the card and the transcript hold it: 8 bytes. */
export function cardIdBytes(cardId: string): Bytes {
  const bytes = CARD_ID_PATTERN.test(cardId) ? decodeHex(cardId) : undefined;
  if (bytes === undefined) throw new RangeError("card id is not 16 hex digits");
  return bytes;
}
