/** The suites of docs/protocol.md section 3, one row each. Nothing else enumerates algorithms. */
import { LENGTH, SUITE } from "#protocol/assigned-numbers";
import { type BlockCipher, createAes128 } from "./block-modes.ts";
import type { Curve } from "./curve.ts";
import { type Hash, sha256 } from "./key-derivation.ts";
import { P256 } from "./p256.ts";
import { ECDSA_P256, RSA_PKCS1, RSA_PSS, type SignatureScheme, SM2_SM3 } from "./signatures.ts";
import { SM2 } from "./sm2.ts";
import { sm3 } from "./sm3.ts";
import { createSm4 } from "./sm4.ts";

export type CertificateSuiteName = "P-256" | "RSA-2048" | "RSA-2048-PKCS1" | "SM";
export type SharedKeySuiteName = "AES" | "SM4";
export type SuiteName = CertificateSuiteName | SharedKeySuiteName;

type SuiteRow = {
  /** Value of element 88. */
  readonly number: number;
  readonly hash: Hash;
  /** Of CMAC and GCM. */
  readonly cipher: BlockCipher;
  /** Of ephemeral keys and of the service key. */
  readonly curve: Curve;
  /** Length of element 8E. */
  readonly proofBytes: number;
};

export type CertificateSuite = SuiteRow & {
  readonly credential: "certificate";
  readonly scheme: SignatureScheme;
};
export type SharedKeySuite = SuiteRow & { readonly credential: "shared key" };
export type Suite = CertificateSuite | SharedKeySuite;

const INTERNATIONAL = { hash: sha256, cipher: createAes128, curve: P256 } as const;
const CHINESE = { hash: sm3, cipher: createSm4, curve: SM2 } as const;
const SHARED_KEY = { credential: "shared key", proofBytes: LENGTH.mac } as const;

function certified(
  scheme: SignatureScheme,
): Pick<CertificateSuite, "credential" | "scheme" | "proofBytes"> {
  return { credential: "certificate", scheme, proofBytes: scheme.signatureBytes };
}

export const CERTIFICATE_SUITES: Readonly<Record<CertificateSuiteName, CertificateSuite>> = {
  "P-256": { number: SUITE.p256, ...INTERNATIONAL, ...certified(ECDSA_P256) },
  "RSA-2048": { number: SUITE.rsa2048, ...INTERNATIONAL, ...certified(RSA_PSS) },
  "RSA-2048-PKCS1": { number: SUITE.rsa2048Pkcs1, ...INTERNATIONAL, ...certified(RSA_PKCS1) },
  SM: { number: SUITE.sm, ...CHINESE, ...certified(SM2_SM3) },
};

export const SUITES: Readonly<Record<SuiteName, Suite>> = {
  ...CERTIFICATE_SUITES,
  AES: { number: SUITE.aes, ...INTERNATIONAL, ...SHARED_KEY },
  SM4: { number: SUITE.sm4, ...CHINESE, ...SHARED_KEY },
};
