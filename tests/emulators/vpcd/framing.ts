/**
 * The wire between vsmartcard's virtual reader (vpcd) and a card: every message is its length in 2
 * bytes, big-endian, and that many bytes. One byte from the reader is a control message, anything
 * else a command APDU; the card answers APDUs and the question for its ATR alone.
 */

const LENGTH_BYTES = 2;
const PAYLOAD_BYTES_MAX = 0xffff;

const CONTROLS = { 0x00: "off", 0x01: "on", 0x02: "reset", 0x04: "atr" } as const;
export type VpcdControl = (typeof CONTROLS)[keyof typeof CONTROLS];

/** What the reader says; `unknown` is a control message without a meaning, which has no answer. */
export type VpcdMessage =
  | { readonly kind: VpcdControl | "unknown" }
  | { readonly kind: "apdu"; readonly apdu: Uint8Array };

export interface FrameReader {
  /** The payloads that are whole with this piece of the stream. */
  push(chunk: Uint8Array): Uint8Array[];
  /** Bytes of a frame that has begun and is not whole. */
  pendingBytes(): number;
}

/** A stream comes in pieces that split and join frames anywhere; every length is a valid one. */
export function createFrameReader(): FrameReader {
  let pending = new Uint8Array(0);
  return {
    push(chunk) {
      const joined = new Uint8Array(pending.length + chunk.length);
      joined.set(pending);
      joined.set(chunk, pending.length);
      const payloads: Uint8Array[] = [];
      let start = 0;
      for (;;) {
        const [high, low] = joined.subarray(start);
        if (high === undefined || low === undefined) break;
        const end = start + LENGTH_BYTES + high * 0x100 + low;
        if (end > joined.length) break;
        payloads.push(joined.slice(start + LENGTH_BYTES, end));
        start = end;
      }
      pending = joined.slice(start);
      return payloads;
    },
    pendingBytes: () => pending.length,
  };
}

/** Throws RangeError for a payload that no frame can hold. */
export function encodeFrame(payload: Uint8Array): Uint8Array {
  if (payload.length > PAYLOAD_BYTES_MAX) throw new RangeError("a frame holds 65535 bytes");
  const frame = new Uint8Array(LENGTH_BYTES + payload.length);
  frame.set([payload.length >> 8, payload.length & 0xff]);
  frame.set(payload, LENGTH_BYTES);
  return frame;
}

export function decodeMessage(payload: Uint8Array): VpcdMessage {
  const [first] = payload;
  if (payload.length !== 1 || first === undefined) return { kind: "apdu", apdu: payload };
  const known = Object.entries(CONTROLS).find(([code]) => Number(code) === first);
  return { kind: known?.[1] ?? "unknown" };
}
