/**
 * What the platform asks of an authentication centre: vectors, a word on the answers, and what AUTS
 * says. The embedded one computes them inside the transaction of the slot's writer. An external one
 * is asked outside of it, through a connector, and never verifies: the slot's writer keeps what it
 * expects and compares in its place. Types only.
 */
import type { SubscriberRecord } from "#db/records";
import type { Result } from "#protocol/result";

/** How a challenge looks, which follows from the claimed module and the subscriber's algorithm. */
export type ChallengeForm = "SIM" | "USIM" | "CAVE" | "SSD update" | "CHAP";

/** `rands` as the form has them; already reserved, and new to the slot. */
export type VectorOrder =
  | { readonly form: "SIM" | "CHAP"; readonly rands: readonly Uint8Array[] }
  /** `sqn` is 6 bytes, and taken. */
  | { readonly form: "USIM"; readonly rands: readonly Uint8Array[]; readonly sqn: Uint8Array }
  /** `ssd` is SSD_A || SSD_B, 16 bytes; RANDBS, 4 bytes, asks for AUTHBS under it. */
  | {
      readonly form: "CAVE";
      readonly rands: readonly Uint8Array[];
      readonly ssd: Uint8Array;
      readonly randbs: Uint8Array | undefined;
    };

export interface Vector {
  /** AUTN, 16 bytes; AUTHBS, 3 bytes; else empty. */
  readonly autn: Uint8Array;
  /** One a RAND: XRES, SRES, AUTHR or the response of CHAP. */
  readonly expected: readonly Uint8Array[];
  /** CK || IK, 32 bytes; absent where there is none, or the centre keeps it to itself. */
  readonly confirmationKey?: Uint8Array | undefined;
}

/** What a module, and perhaps its terminal, answered. */
export interface PresentedAnswer {
  readonly form: ChallengeForm;
  readonly values: readonly Uint8Array[];
  /** 32 bytes, or none. */
  readonly tag: Uint8Array;
  /** What the tag is an HMAC of (docs/protocol.md, section 3.5). */
  readonly tagMessage: Uint8Array;
}

export type Verification = "proven" | "proven_with_tag" | "response_mismatch" | "tag_unverifiable";

/** Of vectors for another point of presence. */
export interface BatchOrder {
  /** 16 bytes each. */
  readonly rands: readonly Uint8Array[];
  /** One a RAND, 6 bytes, and taken; of no use where the algorithm has none. */
  readonly sqns: readonly Uint8Array[];
}

export interface AuthenticationCentre {
  vector(subscriber: SubscriberRecord, order: VectorOrder): Vector;
  /** A quintet and its triplet a RAND, or a triplet where the algorithm is of a SIM. */
  batch(subscriber: SubscriberRecord, order: BatchOrder): readonly FetchedVector[];
  /** `vector` without its AUTN, as the slot kept it. */
  verify(vector: Omit<Vector, "autn">, answer: PresentedAnswer): Verification;
  /** SQN_MS, 6 bytes, when MAC-S verifies (TS 33.102, 6.3.5). */
  resynchronise(
    subscriber: SubscriberRecord,
    rand: Uint8Array,
    auts: Uint8Array,
  ): Uint8Array | undefined;
  /** SSD_A || SSD_B, 16 bytes, that the module was issued with; undefined when it had none. */
  issuedSsd(subscriber: SubscriberRecord): Uint8Array | undefined;
  /** The new SSD, 16 bytes, that RANDSSD, 7 bytes, makes. */
  deriveSsd(subscriber: SubscriberRecord, randssd: Uint8Array): Uint8Array;
}

/** A vector that a centre gave out. CK and IK key nothing but the confirmation tag. */
export interface FetchedVector {
  /** 16 bytes. */
  readonly rand: Uint8Array;
  /** SRES, 4 bytes, of a triplet, or of a quintet as c2 converts it (TS 33.102, 6.8.1.2). */
  readonly sres?: Uint8Array | undefined;
  /** TS 33.102, 6.3.2; absent in the triplet of a SIM. */
  readonly quintet?: FetchedQuintet | undefined;
}

export interface FetchedQuintet {
  /** 16 bytes. */
  readonly autn: Uint8Array;
  /** 4 to 16 bytes. */
  readonly xres: Uint8Array;
  /** CK || IK, 32 bytes, where the centre releases them. */
  readonly confirmationKey?: Uint8Array | undefined;
}

export interface VectorQuery {
  readonly imsi: string;
  /** 1 to VECTORS_PER_QUERY_MAX; a centre may give fewer, never none. */
  readonly count: number;
  /** The vectors are then of after the resynchronisation (TS 33.102, 6.3.5). */
  readonly resynchronisation?: Resynchronisation | undefined;
}

export interface Resynchronisation {
  /** 16 bytes, of the challenge that AUTS answers. */
  readonly rand: Uint8Array;
  /** 14 bytes. */
  readonly auts: Uint8Array;
}

/** The centre's last word on this subscriber. */
export type CentreRefusal =
  | "imsi_unknown_at_centre"
  | "imsi_refused_by_centre"
  /** MAC-S of the AUTS in the query. */
  | "mac_failure";

/** Nothing is known of the subscriber; the same query may succeed a moment later. */
export type CentreOutage =
  | "centre_unreachable"
  /** Reached, and no answer in time. */
  | "centre_silent"
  /** Too many queries of this point of presence are under way. */
  | "centre_busy"
  /** Another subscriber's answer, or none that the interface knows. */
  | "centre_answer_invalid"
  /** It says itself that it cannot. */
  | "centre_failed";

export type CentreFailure = CentreRefusal | CentreOutage;

/** Each query ends in bounded time, with a value: a connector that throws is defective. */
export interface CentreConnector {
  fetchVectors(query: VectorQuery): Promise<Result<readonly FetchedVector[], CentreFailure>>;
  /**
   * Tells a centre that wants to know that a module of `imsi` proved itself (TS 33.501, 6.1.4); it
   * changes nothing of the proof. `at` is Unix time in milliseconds.
   */
  confirm?(proof: {
    readonly imsi: string;
    readonly at: number;
  }): Promise<Result<undefined, CentreFailure>>;
}

/** By the name that `centre` of a subscriber has. */
export type CentreConnectors = ReadonlyMap<string, CentreConnector>;
