/** SM2 with SM3 (GB/T 32918), signer id 1234567812345678, and ECDH on its curve, by the core. */
import { LENGTH } from "#protocol/assigned-numbers";
import {
  isSm2Point,
  signSm2,
  sm2PublicKey,
  sm2SharedSecret,
  SM2_DEFAULT_ID,
  verifySm2,
} from "#wasm/sm2";
import { verifySm2Prepared } from "#wasm/prepared-keys";
import { createKnownKeys } from "./known-keys.ts";
import type { KeyAgreementCurve, KeyPair, SignatureScheme } from "./scheme.ts";

const SCALAR_BYTES = 32;
const findPrepared = createKnownKeys("sm2");
type Random = (length: number) => Uint8Array;

function isPoint(point: Uint8Array): boolean {
  return point.length === LENGTH.point && isSm2Point(point);
}

function hasLengths(publicKey: Uint8Array, signature: Uint8Array): boolean {
  return publicKey.length === LENGTH.point && signature.length === LENGTH.signature;
}

/** Draws until the scalar is in [1, n - 2]: once, but for a chance of 2^-32. */
function generateKeyPair(random: Random): KeyPair {
  for (let attempt = 0; attempt < 8; attempt++) {
    const privateKey = new Uint8Array(random(SCALAR_BYTES));
    try {
      return { publicKey: new Uint8Array(sm2PublicKey(privateKey)), privateKey };
    } catch {
      privateKey.fill(0);
    }
  }
  throw new Error("the random source gives no private key");
}

export function createSm2(random: Random): SignatureScheme & KeyAgreementCurve {
  return {
    isPublicKey: isPoint,
    isPoint,
    generateKeyPair: () => generateKeyPair(random),
    sign: ({ publicKey, privateKey }, message) =>
      signSm2(privateKey, publicKey, message, SM2_DEFAULT_ID, random(SCALAR_BYTES)),
    verify(publicKey, message, signature) {
      if (!hasLengths(publicKey, signature)) return false;
      const prepared = findPrepared(publicKey);
      return prepared === undefined
        ? verifySm2(publicKey, message, signature)
        : verifySm2Prepared(prepared, message, signature);
    },
    verifyOnce: (publicKey, message, signature) =>
      hasLengths(publicKey, signature) && verifySm2(publicKey, message, signature),
    agree(peer) {
      const { publicKey, privateKey } = generateKeyPair(random);
      const secret = isPoint(peer) ? sm2SharedSecret(privateKey, peer) : undefined;
      privateKey.fill(0);
      return secret && { publicKey, secret };
    },
  };
}
