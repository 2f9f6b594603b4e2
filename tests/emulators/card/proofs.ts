/**
 * How card and platform prove themselves in one session (docs/protocol.md section 3.2): signatures
 * in the certificate suites, MACs under keys per direction in the symmetric ones.
 */
import { LABEL, TAG } from "#protocol/assigned-numbers";
import { cmac } from "./block-modes.ts";
import { areEqual, type Bytes, writeCounter } from "./bytes.ts";
import { type CardContext, drawRandom } from "./context.ts";
import type { PlatformCredential } from "./data-fields.ts";
import { kdf } from "./key-derivation.ts";
import { writeElement } from "./tlv.ts";
import { type CardProofLabel, type PlatformProofLabel, proofMessage } from "./transcript.ts";

const MAC_KEY_BYTES = 16;

export type Proofs = {
  /** Element 8E over a label and a hash. */
  readonly prove: (label: CardProofLabel, hash: Bytes) => Bytes;
  readonly isPlatformProof: (label: PlatformProofLabel, hash: Bytes, proof: Bytes) => boolean;
};

/** The proofs of the session that h1 names, with the platform key that was vouched for. */
export function openProofs(context: CardContext, platform: PlatformCredential, h1: Bytes): Proofs {
  const { suite } = context;
  const { credential } = context.profile.keys;
  if (suite.credential === "certificate" && credential.kind === "key pair") {
    const random = drawRandom.bind(undefined, context);
    return {
      prove: (label, hash) =>
        writeElement(TAG.signature, credential.sign(proofMessage(label, hash), random)),
      isPlatformProof: (label, hash, proof) =>
        suite.scheme.isSigned(platform.publicKey, proofMessage(label, hash), proof),
    };
  }
  if (credential.kind !== "shared key") throw new Error("the card's keys are of another suite");
  const derive = (label: string): Bytes => {
    const names = [
      writeElement(TAG.generation, writeCounter(platform.generation)),
      writeElement(TAG.hash, h1),
    ];
    return kdf(suite.cipher, credential.key, label, names, MAC_KEY_BYTES);
  };
  const [cardKey, platformKey] = [derive(LABEL.cardMac), derive(LABEL.platformMac)];
  return {
    prove: (label, hash) =>
      writeElement(TAG.signature, cmac(suite.cipher, cardKey, proofMessage(label, hash))),
    isPlatformProof: (label, hash, proof) =>
      areEqual(cmac(suite.cipher, platformKey, proofMessage(label, hash)), proof),
  };
}

/** The proof of possession over `message`, which names `challenge` (16 bytes). Not an element. */
export function proveEnrolment(context: CardContext, challenge: Bytes, message: Bytes): Bytes {
  const { suite } = context;
  const { credential } = context.profile.keys;
  if (credential.kind === "key pair") {
    return credential.sign(message, drawRandom.bind(undefined, context));
  }
  const names = [writeElement(TAG.enrolmentChallenge, challenge)];
  const key = kdf(suite.cipher, credential.key, LABEL.cardMac, names, MAC_KEY_BYTES);
  return cmac(suite.cipher, key, message);
}
