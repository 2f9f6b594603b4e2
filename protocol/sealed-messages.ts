/** The messages of encrypted mode: what is in the clear around what is sealed. */
import { LENGTH, TAG } from "./assigned-numbers.ts";
import { type Bytes, concatBytes } from "./bytes.ts";
import { encodeSigned, field } from "./messages.ts";
import { decodeFields, encodeTlv } from "./tlv.ts";

/** Element 90, with which a challenge begins. */
const ROUND_ELEMENT_BYTES = 3;

/**
 * Step 420: what of an access authentication request is in the clear. Round 0 also carries the
 * platform's half of the key agreement and its proof.
 */
export interface SealedChallenge {
  readonly round: number;
  readonly agreement: KeyAgreement | undefined;
  /** AEAD over the elements B1 and 92. */
  readonly sealed: Uint8Array;
}

export interface KeyAgreement {
  /** Element CB (E_P) or CC (N_P), whole. */
  readonly contribution: Uint8Array;
  /** SIG_P over hk. */
  readonly proof: Uint8Array;
}

export function encodeSealedChallenge(challenge: SealedChallenge): Bytes {
  const { agreement } = challenge;
  return concatBytes(
    encodeTlv(TAG.round, Uint8Array.of(challenge.round)),
    agreement === undefined
      ? new Uint8Array(0)
      : encodeSigned(agreement.contribution, agreement.proof),
    encodeTlv(TAG.sealed, challenge.sealed),
  );
}

/** One element D0: a sealed answer, result or receipt. */
export function encodeSealed(sealed: Uint8Array): Bytes {
  return encodeTlv(TAG.sealed, sealed);
}

/** `bytesMax` of the plaintext. */
export function decodeSealed(bytes: Uint8Array, bytesMax: number): Bytes | undefined {
  const { aeadTag } = LENGTH;
  return decodeFields(bytes, [field(TAG.sealed, 1 + aeadTag, bytesMax + aeadTag)])?.[0];
}

/** The plaintext of a sealed challenge: elements B1 and 92; the round is outside. */
export function sealedPart(challenge: Uint8Array): Uint8Array {
  return challenge.subarray(ROUND_ELEMENT_BYTES);
}
