/**
 * Keys as the makers of SIM cards deliver them: under an AES transport key that both sides hold.
 * AES-ECB, or AES-CBC with an initial value of zeros, which are the same for one block and neither
 * of which shows a wrong transport key; or AES key wrap (RFC 3394), which does.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { decodeHex, encodeHex, equalBytes } from "#protocol/bytes";

export const TRANSPORT_MODES = ["ecb", "cbc", "wrap"] as const;
export type TransportMode = (typeof TRANSPORT_MODES)[number];

export type TransportReason = "not_hex" | "transport_length" | "transport_integrity";

/** In clear, hex, or what is wrong with it. */
export type Opened =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly reason: TransportReason };

export interface TransportKey {
  open(hex: string): Opened;
  /** Key check value (GlobalPlatform Card Specification, B.6): three bytes, hex; no secret. */
  readonly checkValue: string;
}

const KEY_BYTES: ReadonlySet<number> = new Set([16, 24, 32]);
const BLOCK_BYTES = 16;
const HALF_BYTES = 8;
const CHECK_BYTES = 3;
/** RFC 3394, 2.2.3.1. */
const INITIAL_VALUE = new Uint8Array(HALF_BYTES).fill(0xa6);

/** `text` holds 32, 48 or 64 hex digits and white space around them; undefined otherwise. */
export function readTransportKey(text: string, mode: TransportMode): TransportKey | undefined {
  const key = decodeHex(text.trim());
  if (key === undefined || !KEY_BYTES.has(key.length)) return undefined;
  const name = `aes-${key.length * 8}-ecb`;
  const cipher = createCipheriv(name, key, null).setAutoPadding(false);
  const decipher = createDecipheriv(name, key, null).setAutoPadding(false);
  key.fill(0);
  const decryptBlocks = (blocks: Uint8Array): Uint8Array => new Uint8Array(decipher.update(blocks));
  const checkValue = encodeHex(
    cipher.update(new Uint8Array(BLOCK_BYTES).fill(1)).subarray(0, CHECK_BYTES),
  );

  function open(hex: string): Opened {
    const sealed = decodeHex(hex);
    if (sealed === undefined) return { ok: false, reason: "not_hex" };
    const plain = mode === "wrap" ? unwrap(sealed) : decryptWhole(sealed);
    if (typeof plain === "string") return { ok: false, reason: plain };
    const opened = encodeHex(plain);
    plain.fill(0);
    return { ok: true, value: opened };
  }

  function decryptWhole(sealed: Uint8Array): Uint8Array | "transport_length" {
    if (sealed.length === 0 || sealed.length % BLOCK_BYTES !== 0) return "transport_length";
    const plain = decryptBlocks(sealed);
    if (mode === "cbc") {
      for (let i = BLOCK_BYTES; i < plain.length; i++) {
        plain[i] = (plain[i] ?? 0) ^ (sealed[i - BLOCK_BYTES] ?? 0);
      }
    }
    return plain;
  }

  /** RFC 3394, 2.2.2, index based. */
  function unwrap(sealed: Uint8Array): Uint8Array | TransportReason {
    const count = sealed.length / HALF_BYTES - 1;
    if (!Number.isInteger(count) || count < 2) return "transport_length";
    const block = new Uint8Array(BLOCK_BYTES);
    block.set(sealed.subarray(0, HALF_BYTES));
    const halves = sealed.slice(HALF_BYTES);
    for (let step = 6 * count; step >= 1; step--) {
      const at = ((step - 1) % count) * HALF_BYTES;
      const low = HALF_BYTES - 1;
      block[low] = (block[low] ?? 0) ^ (step & 0xff);
      block[low - 1] = (block[low - 1] ?? 0) ^ (step >> 8);
      block.set(halves.subarray(at, at + HALF_BYTES), HALF_BYTES);
      block.set(decryptBlocks(block));
      halves.set(block.subarray(HALF_BYTES), at);
    }
    return equalBytes(block.subarray(0, HALF_BYTES), INITIAL_VALUE)
      ? halves
      : "transport_integrity";
  }

  return { open, checkValue };
}
