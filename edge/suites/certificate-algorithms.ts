/** Signatures of X.509 certificates as they stand in the certificate, one row a family. */
import { isP256Point, verifyP256Der } from "#wasm";
import { isSm2Point, verifySm2Der } from "#wasm/sm2";
import { LENGTH } from "#protocol/assigned-numbers";
import type { CertificateFamily } from "#protocol/suites";
import { createRsa } from "./rsa.ts";

export interface CertificateAlgorithm {
  /** As element C1 has it. */
  readonly isPublicKey: (publicKey: Uint8Array) => boolean;
  /** `signature` is the content of the certificate's BIT STRING. */
  readonly verify: (publicKey: Uint8Array, tbs: Uint8Array, signature: Uint8Array) => boolean;
}

export type CertificateAlgorithms = Readonly<Record<CertificateFamily, CertificateAlgorithm>>;

export const certificateAlgorithms: CertificateAlgorithms = {
  ECDSA: {
    isPublicKey: (key) => key.length === LENGTH.point && isP256Point(key),
    verify: verifyP256Der,
  },
  SM2: {
    isPublicKey: (key) => key.length === LENGTH.point && isSm2Point(key),
    verify: verifySm2Der,
  },
  RSA: createRsa("RSASSA-PKCS1-v1_5"),
};
