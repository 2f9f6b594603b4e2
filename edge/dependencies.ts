/** What a module of the platform may ask for. Types only. */
import type { Repositories } from "#db/records";
import type { CertificateSuite, SharedKeySuite, SuiteName } from "#protocol/suites";
import type { Algorithms } from "./algorithms.ts";
import type { AuthenticationCentre } from "./authentication-centre.ts";
import type { Limits } from "./limits.ts";
import type { CertificateAlgorithms } from "./suites/certificate-algorithms.ts";
import type { Ecies } from "./suites/ecies.ts";
import type { TpmTools } from "./suites/tpm.ts";
import type { KeyAgreementCurve, SignatureScheme } from "./suites/scheme.ts";

export type {
  AuditEvent,
  CardRecord,
  CardTerms,
  RegisteredCard,
  Repositories,
  StoredRule,
  SubscriberRecord,
  TenantRecord,
} from "#db/records";

export type {
  AkaAlgorithm,
  Algorithm,
  Algorithms,
  CdmaAlgorithm,
  KeyMaterial,
} from "./algorithms.ts";
export type {
  AuthenticationCentre,
  ChallengeForm,
  PresentedAnswer,
  Vector,
  VectorOrder,
  Verification,
} from "./authentication-centre.ts";

/** Unix time in milliseconds. */
export type Clock = () => number;

/** Resolves after at least this many milliseconds of the clock. */
export type Sleep = (milliseconds: number) => Promise<void>;

/** `length` fresh random bytes. */
export type Random = (length: number) => Uint8Array;

/** The hash of everything that no suite names. */
export interface Core {
  readonly sha256: (data: Uint8Array) => Uint8Array;
}

/** Everything made from the master key. Purposes separate the keys. */
export interface Vault {
  /** HMAC-SHA-256, 32 bytes. */
  mac(purpose: string, data: Uint8Array): Uint8Array;
  /** Encrypts a secret for a column; `context` names the row and is authenticated. */
  wrap(purpose: string, context: string, secret: Uint8Array): Uint8Array;
  /** Undefined when the bytes were altered or belong to another purpose or context. */
  unwrap(purpose: string, context: string, wrapped: Uint8Array): Uint8Array | undefined;
}

/** What every suite computes with (docs/protocol.md, section 3). */
interface CommonTools {
  readonly hash: (data: Uint8Array) => Uint8Array;
  /** With the suite's hash; 32 bytes. */
  readonly hmac: (key: Uint8Array, data: Uint8Array) => Uint8Array;
  /** 16 bytes. */
  readonly cmac: (key: Uint8Array, data: Uint8Array) => Uint8Array;
  /** Ciphertext and 16-byte tag, under a key of 16 and a nonce of 12 bytes. */
  readonly seal: (
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
  ) => Uint8Array;
  readonly open: (
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
  ) => Uint8Array | undefined;
  /** Whether the bytes are a card's service key of this suite. */
  readonly isServiceKey: (publicKey: Uint8Array) => boolean;
}

export interface SharedKeyTools extends CommonTools {
  readonly suite: SharedKeySuite;
}

export interface CertificateTools extends CommonTools, SignatureScheme, KeyAgreementCurve {
  readonly suite: CertificateSuite;
}

export type SuiteTools = SharedKeyTools | CertificateTools;

/** One line of the log. Values are identifiers and reasons, never secrets or input. */
export type Log = (event: string, fields: Readonly<Record<string, string | number>>) => void;

export interface Dependencies {
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly random: Random;
  readonly core: Core;
  readonly vault: Vault;
  readonly algorithms: Algorithms;
  readonly centre: AuthenticationCentre;
  readonly suites: (name: SuiteName) => SuiteTools;
  readonly certificates: CertificateAlgorithms;
  readonly ecies: Ecies;
  readonly tpm: TpmTools;
  readonly log: Log;
  readonly repositories: Repositories;
  /** 16 bytes. */
  readonly deployment: Uint8Array;
  /** Raised by every restore. */
  readonly storeGeneration: number;
  readonly limits: Limits;
  /** IND slot of this point of presence, and how many slots are in use. */
  readonly slot: number;
  readonly slots: number;
}
