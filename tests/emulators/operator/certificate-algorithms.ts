/** How each certificate suite's keys and signatures look in a certificate, one row each. */
import {
  ECDSA_P256,
  RSA_PKCS1,
  type SignatureScheme,
  SM2_SM3,
} from "#tests/emulators/card/signatures";
import type { CertificateSuiteName } from "#tests/emulators/card/suites";
import { bitString, type Der, integer, NULL, objectIdentifier, sequence } from "./der.ts";

export type CertificateAlgorithm = {
  readonly name: string;
  readonly scheme: SignatureScheme;
  /** AlgorithmIdentifier of signatures. */
  readonly signatureAlgorithm: Der;
  /** Content of signatureValue, from what the scheme signs. */
  readonly encodeSignature: (signature: Uint8Array) => Uint8Array;
  /** SubjectPublicKeyInfo of a value of C1. */
  readonly encodePublicKey: (publicKey: Uint8Array) => Der;
};

const EXPONENT = Uint8Array.of(1, 0, 1);
const EC_PUBLIC_KEY = objectIdentifier("1.2.840.10045.2.1");

const P256_ALGORITHM: CertificateAlgorithm = {
  name: "P-256",
  scheme: ECDSA_P256,
  // ecdsa-with-SHA256 (RFC 5758, 3.2), prime256v1.
  signatureAlgorithm: sequence(objectIdentifier("1.2.840.10045.4.3.2")),
  encodeSignature: encodePair,
  encodePublicKey: encodePoint("1.2.840.10045.3.1.7"),
};

/** The CA signs with PKCS #1 v1.5 whatever the padding of the card's own proofs. */
const RSA_ALGORITHM: CertificateAlgorithm = {
  name: "RSA-2048",
  scheme: RSA_PKCS1,
  // sha256WithRSAEncryption (RFC 4055, 5), rsaEncryption.
  signatureAlgorithm: sequence(objectIdentifier("1.2.840.113549.1.1.11"), NULL),
  encodeSignature: (signature) => signature,
  encodePublicKey: (modulus) =>
    sequence(
      sequence(objectIdentifier("1.2.840.113549.1.1.1"), NULL),
      bitString(sequence(integer(modulus), integer(EXPONENT))),
    ),
};

const SM_ALGORITHM: CertificateAlgorithm = {
  name: "SM2",
  scheme: SM2_SM3,
  // sm2sign-with-sm3 and sm2p256v1 (GM/T 0006).
  signatureAlgorithm: sequence(objectIdentifier("1.2.156.10197.1.501")),
  encodeSignature: encodePair,
  encodePublicKey: encodePoint("1.2.156.10197.1.301"),
};

/** Every certificate suite's; the two of RSA have one. */
export const CERTIFICATE_ALGORITHMS: Readonly<Record<CertificateSuiteName, CertificateAlgorithm>> =
  {
    "P-256": P256_ALGORITHM,
    "RSA-2048": RSA_ALGORITHM,
    "RSA-2048-PKCS1": RSA_ALGORITHM,
    SM: SM_ALGORITHM,
  };

/** SEQUENCE of r and s, from 64 bytes. */
function encodePair(signature: Uint8Array): Uint8Array {
  return sequence(integer(signature.subarray(0, 32)), integer(signature.subarray(32)));
}

function encodePoint(curve: string): CertificateAlgorithm["encodePublicKey"] {
  const algorithm = sequence(EC_PUBLIC_KEY, objectIdentifier(curve));
  return (point) => sequence(algorithm, bitString(point));
}
