/**
 * Encrypted mode (docs/protocol.md section 3.3): one AEAD key and IV per direction, and a number
 * per message, so that no nonce is used twice under a key (I16).
 */
import { LABEL, LENGTH, TAG } from "#protocol/assigned-numbers";
import { type BlockCipher, openGcm, sealGcm } from "./block-modes.ts";
import { type Bytes, joinBytes, writeCounter, xorBytes } from "./bytes.ts";
import type { CardContext } from "./context.ts";
import { hkdf, kdf } from "./key-derivation.ts";
import { writeElement } from "./tlv.ts";

const DIRECTION_BYTES = LENGTH.aeadKey + LENGTH.aeadIv;

export type Channel = {
  /** Ciphertext and tag, of message `number` to the platform. */
  readonly seal: (number: number, associatedData: Bytes, plaintext: Bytes) => Bytes;
  /** Plaintext of message `number` from the platform; undefined when it is not authentic. */
  readonly open: (number: number, associatedData: Bytes, sealed: Bytes) => Bytes | undefined;
};

/**
 * The channel that hk names. In a certificate suite it rests on E_P and the card's ephemeral key;
 * undefined when E_P is not on the curve.
 */
export function openChannel(
  context: CardContext,
  hk: Bytes,
  generation: number,
  agreement: { readonly ephemeralPrivateKey: Bytes; readonly platformKey: Bytes } | undefined,
): Channel | undefined {
  const { suite } = context;
  const { credential } = context.profile.keys;
  if (credential.kind === "shared key") {
    const names = [
      writeElement(TAG.generation, writeCounter(generation)),
      writeElement(TAG.hash, hk),
    ];
    const derive = (label: string): Bytes =>
      kdf(suite.cipher, credential.key, label, names, DIRECTION_BYTES);
    return createChannel(suite.cipher, derive);
  }
  if (agreement === undefined) return undefined;
  const z = suite.curve.agree(agreement.ephemeralPrivateKey, agreement.platformKey);
  if (z === undefined) return undefined;
  return createChannel(suite.cipher, (label) => hkdf(suite.hash, hk, z, label, DIRECTION_BYTES));
}

function createChannel(cipher: BlockCipher, derive: (label: string) => Bytes): Channel {
  const toPlatform = splitDirection(derive(LABEL.cardToPlatform));
  const toCard = splitDirection(derive(LABEL.platformToCard));
  return {
    seal: (number, associatedData, plaintext) =>
      sealGcm(cipher, toPlatform.key, toPlatform.nonceOf(number), associatedData, plaintext),
    open: (number, associatedData, sealed) =>
      openGcm(cipher, toCard.key, toCard.nonceOf(number), associatedData, sealed),
  };
}

function splitDirection(bytes: Bytes): {
  readonly key: Bytes;
  /** 12 bytes: the IV with the number xored into its last four. */
  readonly nonceOf: (number: number) => Bytes;
} {
  const iv = bytes.slice(LENGTH.aeadKey);
  const prefix = new Uint8Array(LENGTH.aeadIv - LENGTH.counter);
  return {
    key: bytes.slice(0, LENGTH.aeadKey),
    nonceOf: (number) => xorBytes(iv, joinBytes(prefix, writeCounter(number))),
  };
}
