/**
 * What the platform asks of an authentication centre: vectors for challenges that a slot's writer
 * has reserved, a word on the answers, and what AUTS says. The embedded one is the first of its
 * kind. Types only.
 */
import type { SubscriberRecord } from "#db/records";

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

export interface AuthenticationCentre {
  vector(subscriber: SubscriberRecord, order: VectorOrder): Vector;
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
