/**
 * T and T2: what a point of presence hands out instead of remembering. An authenticated list of
 * public facts with an expiry; the key changes with the day and with every restore.
 */
import type { Dependencies } from "../dependencies.ts";
import {
  type Bytes,
  concatBytes,
  decodeAscii,
  decodeCounter,
  encodeAscii,
  encodeBase64Url,
  encodeCounter,
  encodeHex,
  equalBytes,
} from "#protocol/bytes";
import { LENGTH, TAG } from "#protocol/assigned-numbers";
import { cardIdBytes } from "#protocol/identifiers";
import { decodeFields, encodeTlv } from "#protocol/tlv";

/** What T and T2 say about a session. */
export interface SessionTerms {
  readonly tenant: string;
  /** 16 bytes. */
  readonly sid: Uint8Array;
  readonly suite: number;
  readonly mode: number;
  /** Of the platform key, and the hash of its credential (32 bytes). */
  readonly generation: number;
  readonly credentialId: Uint8Array;
}

/** T opens a session; T2 belongs to one that the card's writer has opened. */
export type TokenKind = "challenge" | "session";

type Tools = Pick<Dependencies, "vault" | "deployment" | "storeGeneration">;

const DAY_MS = 86_400_000;
const MAC_BYTES = 32;
const TOKEN_TAG = { day: 0xc5, expiry: 0xc6, sid: 0xc7, mac: 0xc8 } as const;

export function issueToken(
  tools: Tools,
  kind: TokenKind,
  cardId: string,
  terms: SessionTerms,
  time: { readonly now: number; readonly expiresAt: number },
): Bytes {
  const day = Math.floor(time.now / DAY_MS);
  const body = concatBytes(
    encodeTlv(TOKEN_TAG.day, encodeCounter(day)),
    encodeTlv(TOKEN_TAG.expiry, encodeCounter(Math.floor(time.expiresAt / 1000))),
    encodeTlv(TAG.tenant, encodeAscii(terms.tenant)),
    encodeTlv(TAG.generation, encodeCounter(terms.generation)),
    encodeTlv(TAG.credentialId, terms.credentialId),
    encodeTlv(TOKEN_TAG.sid, terms.sid),
    encodeTlv(TAG.suite, Uint8Array.of(terms.suite)),
    encodeTlv(TAG.mode, Uint8Array.of(terms.mode)),
  );
  return concatBytes(body, encodeTlv(TOKEN_TAG.mac, tokenMac(tools, kind, cardId, day, body)));
}

/** Undefined when altered, expired, of another kind, card, deployment or store generation. */
export function openToken(
  tools: Tools,
  kind: TokenKind,
  cardId: string,
  token: Uint8Array,
  now: number,
): SessionTerms | undefined {
  const values = decodeFields(token, [
    [TOKEN_TAG.day, 4, 4],
    [TOKEN_TAG.expiry, 4, 4],
    [TAG.tenant, 1, 32],
    [TAG.generation, 4, 4],
    [TAG.credentialId, LENGTH.hash, LENGTH.hash],
    [TOKEN_TAG.sid, LENGTH.sessionId, LENGTH.sessionId],
    [TAG.suite, 1, 1],
    [TAG.mode, 1, 1],
    [TOKEN_TAG.mac, MAC_BYTES, MAC_BYTES],
  ]);
  if (values === undefined) return undefined;
  const [dayBytes, expiry, tenant, generation, credentialId, sid, suite, mode, mac] = values;
  const day = decodeCounter(dayBytes);
  // Of yesterday, or by a clock that is ahead at midnight; the expiry says which still counts.
  if (Math.abs(day - Math.floor(now / DAY_MS)) > 1) return undefined;
  const body = token.subarray(0, token.length - MAC_BYTES - 2);
  if (!equalBytes(mac, tokenMac(tools, kind, cardId, day, body))) return undefined;
  if (decodeCounter(expiry) * 1000 < now) return undefined;
  return {
    tenant: decodeAscii(tenant),
    sid,
    suite: suite[0] ?? 0,
    mode: mode[0] ?? 0,
    generation: decodeCounter(generation),
    credentialId,
  };
}

/** T2 names its card, so that a front finds the card's writer: 85 card id, then as T. */
export function issueSessionToken(
  tools: Tools,
  cardId: string,
  terms: SessionTerms,
  time: { readonly now: number; readonly expiresAt: number },
): Bytes {
  const token = issueToken(tools, "session", cardId, terms, time);
  return concatBytes(encodeTlv(TAG.cardId, cardIdBytes(cardId)), token);
}

/** `sid` as the path names it, base64url; a token opens no session but its own. */
export function openSessionToken(
  tools: Tools,
  sid: string,
  token: Uint8Array,
  now: number,
): { readonly cardId: string; readonly terms: SessionTerms } | undefined {
  const end = 2 + LENGTH.cardId;
  const name = decodeFields(token.subarray(0, end), [[TAG.cardId, LENGTH.cardId, LENGTH.cardId]]);
  if (name === undefined) return undefined;
  const cardId = encodeHex(name[0]).toUpperCase();
  const terms = openToken(tools, "session", cardId, token.subarray(end), now);
  if (terms === undefined || encodeBase64Url(terms.sid) !== sid) return undefined;
  return { cardId, terms };
}

/** The MAC also covers what the holder must already know: deployment and card. */
function tokenMac(
  { vault, deployment, storeGeneration }: Tools,
  kind: TokenKind,
  cardId: string,
  day: number,
  body: Uint8Array,
): Uint8Array {
  return vault.mac(
    `${kind} token ${storeGeneration} ${day}`,
    concatBytes(
      encodeTlv(TAG.deployment, deployment),
      encodeTlv(TAG.cardId, cardIdBytes(cardId)),
      body,
    ),
  );
}
