/** What a module of the platform may ask for. Types only. */
import type { Repositories, WrappingKeyRecord } from "#db/records";
import type { CertificateSuite, SharedKeySuite, SuiteName } from "#protocol/suites";
import type { Algorithms } from "./algorithms.ts";
import type { AuthenticationCentre, CentreConnectors } from "./authentication-centre.ts";
import type { Limits } from "./limits.ts";
import type { CertificateAlgorithms } from "./suites/certificate-algorithms.ts";
import type { Ecies } from "./suites/ecies.ts";
import type { TpmTools } from "./suites/tpm.ts";
import type { KeyAgreementCurve, SignatureScheme } from "./suites/scheme.ts";
import type { SubscriberDirectory } from "./subscriber-directory.ts";

export type {
  AuditEvent,
  CardDetails,
  CardRecord,
  CardTerms,
  Page,
  RegisteredCard,
  Repositories,
  StoredRule,
  SubscriberChange,
  SubscriberEntry,
  SubscriberListing,
  SubscriberMoveRecord,
  SubscriberRecord,
  TenantRecord,
  WrappingKeyRecord,
} from "#db/records";

export type {
  AkaAlgorithm,
  Algorithm,
  AlgorithmProfile,
  Algorithms,
  CdmaAlgorithm,
  KeyMaterial,
} from "./algorithms.ts";
export type {
  AuthenticationCentre,
  BatchOrder,
  CentreConnector,
  CentreConnectors,
  CentreFailure,
  CentreOutage,
  CentreRefusal,
  ChallengeForm,
  FetchedQuintet,
  FetchedVector,
  PresentedAnswer,
  Resynchronisation,
  Vector,
  VectorOrder,
  VectorQuery,
  Verification,
} from "./authentication-centre.ts";

export type { DirectoryFailure, SubscriberDirectory } from "./subscriber-directory.ts";

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

/** MACs under the master key, secrets at rest under the wrapping keys. Purposes separate both. */
export interface Vault {
  /** HMAC-SHA-256, 32 bytes. The same whatever the wrapping keys are. */
  mac(purpose: string, data: Uint8Array): Uint8Array;
  /** Encrypts a secret for a column; `context` names the row and is authenticated. */
  wrap(purpose: string, context: string, secret: Uint8Array): Uint8Array;
  /**
   * Undefined when the bytes were altered or belong to another purpose or context. Throws
   * WrappingKeyAbsentError when they name a key that is not configured.
   */
  unwrap(purpose: string, context: string, wrapped: Uint8Array): Uint8Array | undefined;
  /**
   * The secret under the newest wrapping key: the very same bytes when they are already. Undefined
   * and throws as unwrap.
   */
  rewrap(purpose: string, context: string, wrapped: Uint8Array): Uint8Array | undefined;
  /** Of the key that wraps. */
  readonly newestKeyId: number;
  /** The configured keys, the newest first; 16 bytes tell one from another. */
  readonly wrappingKeys: readonly WrappingKeyRecord[];
}

/** How a column's secret is wrapped: for what, and which row it belongs to. */
export interface Wrapping<Row> {
  readonly purpose: string;
  readonly context: (row: Row) => string;
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
  /** The embedded centre. */
  readonly centre: AuthenticationCentre;
  /** The external ones that this point of presence is connected to. */
  readonly connectors: CentreConnectors;
  readonly directory: SubscriberDirectory;
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
  /** ISO 3166-1 alpha-2 of this point of presence, where it is known beforehand. */
  readonly country: string | undefined;
  /** IND slot of this point of presence, and how many slots are in use. */
  readonly slot: number;
  readonly slots: number;
}
