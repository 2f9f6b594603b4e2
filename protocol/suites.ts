/** One row a suite, and what else a session can be made of. Nothing else enumerates these. */
import { CARD_KIND, LENGTH, MODE, MODULE_KIND, SUITE } from "./assigned-numbers.ts";

export type SuiteName = "P-256" | "SM" | "RSA-2048" | "RSA-2048-PKCS1" | "AES" | "SM4";
export type ModeName = "signed" | "encrypted";
/** TF and SD cards run the applet; an MTM card is a TPM 2.0. */
export type AppletKindName = "TF" | "SD";
export type CardKindName = AppletKindName | "MTM";
export type ModuleKindName = "SIM" | "USIM" | "UIM";

/** ecdsa-with-SHA256 on P-256; sm2sign-with-sm3; sha256WithRSAEncryption with 2,048 bits. */
export type CertificateFamily = "ECDSA" | "SM2" | "RSA";

/** What every suite has; docs/protocol.md, section 3 says what is made of it. */
interface SuiteRow {
  readonly name: SuiteName;
  readonly number: number;
  /** Strongest first. */
  readonly modes: readonly ModeName[];
  readonly hash: "SHA-256" | "SM3";
  readonly cipher: "AES-128" | "SM4";
  /** Bytes of element 8E: a signature, or a MAC in the symmetric suites. */
  readonly proofBytes: number;
}

/** Card and platform hold each other's public key. */
export interface CertificateSuite extends SuiteRow {
  readonly credential: "certificate";
  readonly scheme: "ECDSA" | "SM2" | "RSASSA-PSS" | "RSASSA-PKCS1-v1_5";
  /** What certificates are signed with; RSA has one for both paddings. */
  readonly family: CertificateFamily;
  /** Bytes of element C1: an uncompressed point, or a modulus. */
  readonly publicKeyBytes: number;
  /** Of the ephemeral keys in encrypted mode, and of the card's service key. */
  readonly curve: "P-256" | "SM2";
}

/** Card and platform share one key, of LENGTH.sharedKey bytes. */
export interface SharedKeySuite extends SuiteRow {
  readonly credential: "shared key";
  /** Of the card's service key. */
  readonly curve: "P-256" | "SM2";
}

export type Suite = CertificateSuite | SharedKeySuite;

const MODES: readonly ModeName[] = ["encrypted", "signed"];
const INTERNATIONAL = { hash: "SHA-256", cipher: "AES-128", curve: "P-256" } as const;
const CHINESE = { hash: "SM3", cipher: "SM4", curve: "SM2" } as const;
const RSA = {
  ...INTERNATIONAL,
  modes: MODES,
  credential: "certificate",
  family: "RSA",
  publicKeyBytes: LENGTH.rsa,
  proofBytes: LENGTH.rsa,
} as const;

/**
 * Strongest first. The padding of RSA is a suite of its own, so that whatever keeps suites apart
 * keeps paddings apart.
 */
export const SUITES: readonly Suite[] = [
  {
    name: "P-256",
    number: SUITE.p256,
    ...INTERNATIONAL,
    modes: MODES,
    credential: "certificate",
    scheme: "ECDSA",
    family: "ECDSA",
    publicKeyBytes: LENGTH.point,
    proofBytes: LENGTH.signature,
  },
  {
    name: "SM",
    number: SUITE.sm,
    ...CHINESE,
    modes: MODES,
    credential: "certificate",
    scheme: "SM2",
    family: "SM2",
    publicKeyBytes: LENGTH.point,
    proofBytes: LENGTH.signature,
  },
  { name: "RSA-2048", number: SUITE.rsa2048, ...RSA, scheme: "RSASSA-PSS" },
  { name: "RSA-2048-PKCS1", number: SUITE.rsa2048Pkcs1, ...RSA, scheme: "RSASSA-PKCS1-v1_5" },
  {
    name: "AES",
    number: SUITE.aes,
    ...INTERNATIONAL,
    modes: MODES,
    credential: "shared key",
    proofBytes: LENGTH.mac,
  },
  {
    name: "SM4",
    number: SUITE.sm4,
    ...CHINESE,
    modes: MODES,
    credential: "shared key",
    proofBytes: LENGTH.mac,
  },
];

export const MODE_NUMBERS: Readonly<Record<ModeName, number>> = {
  signed: MODE.signed,
  encrypted: MODE.encrypted,
};
export const CARD_KIND_NUMBERS: Readonly<Record<CardKindName, number>> = {
  TF: CARD_KIND.tf,
  SD: CARD_KIND.sd,
  MTM: CARD_KIND.mtm,
};
export const MODULE_KIND_NUMBERS: Readonly<Record<ModuleKindName, number>> = {
  SIM: MODULE_KIND.sim,
  USIM: MODULE_KIND.usim,
  UIM: MODULE_KIND.uim,
};

/** How much an answer of a module proves, weakest first. A rule may demand one of these. */
export const STRENGTHS = ["COMP128-1", "SIM", "CAVE", "CHAP", "USIM", "USIM with tag"] as const;
export type Strength = (typeof STRENGTHS)[number];

export function findSuite(number: number): Suite | undefined {
  return SUITES.find((suite) => suite.number === number);
}

export function suiteNamed(name: SuiteName): Suite {
  const suite = SUITES.find((candidate) => candidate.name === name);
  if (suite === undefined) throw new RangeError("no such suite");
  return suite;
}

export function findMode(number: number): ModeName | undefined {
  if (number === MODE.signed) return "signed";
  return number === MODE.encrypted ? "encrypted" : undefined;
}
