/** What a module of the platform may ask for. Types only. */
import type { Repositories } from "#db/records";
import type { Limits } from "./limits.ts";

export type {
  AuditEvent,
  CardRecord,
  CardTerms,
  RegisteredCard,
  Repositories,
  StoredRule,
  SubscriberRecord,
} from "#db/records";

/** Unix time in milliseconds. */
export type Clock = () => number;

/** Resolves after at least this many milliseconds of the clock. */
export type Sleep = (milliseconds: number) => Promise<void>;

/** `length` fresh random bytes. */
export type Random = (length: number) => Uint8Array;

/** The algorithms of suite P-256 and of the embedded authentication centre. */
export interface Core {
  readonly sha256: (data: Uint8Array) => Uint8Array;
  /** 65-byte point, message, 64-byte r || s. */
  readonly verifyP256: (
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ) => boolean;
  /** As verifyP256, for the DER signatures of certificates. */
  readonly verifyP256Der: (
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ) => boolean;
  readonly isP256Point: (publicKey: Uint8Array) => boolean;
  readonly deriveOpc: (k: Uint8Array, op: Uint8Array) => Uint8Array;
  readonly generateVector: (
    k: Uint8Array,
    opc: Uint8Array,
    rand: Uint8Array,
    sqn: Uint8Array,
    amf: Uint8Array,
  ) => {
    readonly autn: Uint8Array;
    readonly xres: Uint8Array;
    readonly ck: Uint8Array;
    readonly ik: Uint8Array;
  };
  readonly openAuts: (
    k: Uint8Array,
    opc: Uint8Array,
    rand: Uint8Array,
    auts: Uint8Array,
  ) => Uint8Array | undefined;
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

/** The platform's own signing keys: P-256 with SHA-256. */
export interface Signer {
  generateKeyPair(): { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array };
  /** `privateKey` is PKCS #8; the signature is 64 bytes, r || s. */
  sign(privateKey: Uint8Array, message: Uint8Array): Uint8Array;
}

/** One line of the log. Values are identifiers and reasons, never secrets or input. */
export type Log = (event: string, fields: Readonly<Record<string, string | number>>) => void;

export interface Dependencies {
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly random: Random;
  readonly core: Core;
  readonly vault: Vault;
  readonly signer: Signer;
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
