/**
 * Keys of one session (docs/protocol.md, sections 3.2 and 3.3): CMAC keys of the symmetric suites,
 * and the AEAD keys of encrypted mode. Each belongs to one direction.
 */
import type { CertificateTools, SharedKeyTools } from "#edge/dependencies";
import { LABEL, LENGTH, TAG } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes, encodeAscii, encodeCounter } from "#protocol/bytes";
import { encodeTlv } from "#protocol/tlv";

/** For what the card makes and for what the platform makes. */
export interface DirectionKeys {
  readonly card: Uint8Array;
  readonly platform: Uint8Array;
}

/** An AEAD key and its IV, in this order. */
export const SEALING_KEY_BYTES = LENGTH.aeadKey + LENGTH.aeadIv;

/** SP 800-108r1, 4.1: KDF in counter mode with CMAC; `length` bytes, at most 255 blocks. */
function deriveFromShared(
  { cmac }: SharedKeyTools,
  key: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Bytes {
  const out = new Uint8Array(length);
  const lengthBits = Uint8Array.of((length * 8) >> 8, (length * 8) & 0xff);
  const fixed = concatBytes(encodeLabel(label), Uint8Array.of(0), context, lengthBits);
  for (let offset = 0, i = 1; offset < length; offset += LENGTH.mac, i++) {
    const block = cmac(key, concatBytes(Uint8Array.of(i), fixed));
    out.set(block.subarray(0, length - offset), offset);
  }
  return out;
}

function encodeLabel(label: string): Bytes {
  return encodeTlv(TAG.label, encodeAscii(label));
}

function sessionContext(generation: number, hash: Uint8Array): Bytes {
  return concatBytes(
    encodeTlv(TAG.generation, encodeCounter(generation)),
    encodeTlv(TAG.hash, hash),
  );
}

/** CMAC keys of a session with a shared key. */
export function deriveMacKeys(
  tools: SharedKeyTools,
  key: Uint8Array,
  generation: number,
  h1: Uint8Array,
): DirectionKeys {
  const context = sessionContext(generation, h1);
  return {
    card: deriveFromShared(tools, key, LABEL.cardMac, context, LENGTH.mac),
    platform: deriveFromShared(tools, key, LABEL.platformMac, context, LENGTH.mac),
  };
}

/** The CMAC key under which a card proves at enrolment that it holds the shared key. */
export function deriveEnrolmentKey(
  tools: SharedKeyTools,
  key: Uint8Array,
  challenge: Uint8Array,
): Bytes {
  const context = encodeTlv(TAG.enrolmentChallenge, challenge);
  return deriveFromShared(tools, key, LABEL.cardMac, context, LENGTH.mac);
}

/** AEAD keys of a session with a shared key: without forward secrecy. */
export function deriveSealingKeys(
  tools: SharedKeyTools,
  key: Uint8Array,
  generation: number,
  hk: Uint8Array,
): DirectionKeys {
  const context = sessionContext(generation, hk);
  return {
    card: deriveFromShared(tools, key, LABEL.cardToPlatform, context, SEALING_KEY_BYTES),
    platform: deriveFromShared(tools, key, LABEL.platformToCard, context, SEALING_KEY_BYTES),
  };
}

/** AEAD keys from the x-coordinate that both ephemeral keys lead to (RFC 5869). */
export function expandAgreedKeys(
  { hmac }: CertificateTools,
  secret: Uint8Array,
  hk: Uint8Array,
): DirectionKeys {
  const prk = hmac(hk, secret);
  const expand = (label: string): Uint8Array =>
    hmac(prk, concatBytes(encodeLabel(label), Uint8Array.of(1))).subarray(0, SEALING_KEY_BYTES);
  const keys = { card: expand(LABEL.cardToPlatform), platform: expand(LABEL.platformToCard) };
  prk.fill(0);
  return keys;
}
