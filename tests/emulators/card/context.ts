/** What every command of the card works on: what personalisation wrote, the flash, and the RAM. */
import { CARD_STATE, LENGTH } from "#protocol/assigned-numbers";
import { NO_BYTES } from "./apdu.ts";
import { type Bytes, cardIdBytes, joinBytes } from "./bytes.ts";
import type { Random } from "./curve.ts";
import type { CardKeys } from "./keys.ts";
import { type KeptRecord, readKeptRecord, writeKeptRecord } from "./kept-record.ts";
import { type Lease, secondsLeft } from "./lease.ts";
import type { NonVolatileMemory } from "./non-volatile-memory.ts";
import type { Mode, Session } from "./session.ts";
import { type Suite, type SuiteName, SUITES } from "./suites.ts";
import type { Buffers } from "./tf-interface.ts";

/** What personalisation writes, once. */
export type CardProfile = {
  /** 16 upper-case hex digits. */
  readonly cardId: string;
  readonly kind: "TF" | "SD";
  readonly suite: SuiteName;
  /** One or both. */
  readonly modes: readonly Mode[];
  /** 16 bytes. */
  readonly deployment: Uint8Array;
  /** 1 to 32 of a-z, 0-9 and -, the first not -. */
  readonly tenant: string;
  /** Value of C1 of the operator's anchor for the suite; empty in the symmetric suites. */
  readonly anchorPublicKey: Uint8Array;
  readonly keys: CardKeys;
  /** DER; empty when the card has none (GET DATA then answers 6A88). */
  readonly certificate: Uint8Array;
  /** Of the key that a card of a symmetric suite shares with the platform. */
  readonly keyVersion?: number;
  /** A card with a clock: seconds, of any epoch. */
  readonly clock?: { readonly now: () => number };
};

export type CardEnvironment = {
  /** The card's random number generator: that many bytes. */
  readonly random: Random;
  readonly nonVolatile: NonVolatileMemory;
};

/** Everything that dies at reset and power loss. */
export type Ram = Buffers & {
  powered: boolean;
  selected: boolean;
  session: Session | undefined;
  /** Read it with `currentLease`, which looks at the clock. */
  lease: Lease | undefined;
};

export type CardContext = {
  readonly profile: CardProfile;
  readonly suite: Suite;
  /** 8 bytes. */
  readonly cardId: Bytes;
  readonly environment: CardEnvironment;
  readonly ram: Ram;
};

const TENANT_PATTERN = /^[a-z0-9][a-z0-9-]{0,31}$/u;

/** All but the RAM. Throws for a profile that is no card's. */
export function createFixedContext(
  profile: CardProfile,
  environment: CardEnvironment,
): Omit<CardContext, "ram"> {
  const suite = SUITES[profile.suite];
  const isShared = suite.credential === "shared key";
  const keyBytes = isShared ? 0 : suite.scheme.publicKeyBytes;
  const { keys, anchorPublicKey, keyVersion } = profile;
  if (profile.deployment.length !== LENGTH.deployment) throw new Error("deployment is 16 bytes");
  if (!TENANT_PATTERN.test(profile.tenant)) throw new Error("tenant is not one of section 2");
  if (anchorPublicKey.length !== keyBytes) throw new Error("the anchor is of another suite");
  if (keys.credentialPublicKey.length !== keyBytes) throw new Error("keys are of another suite");
  if ((keys.credential.kind === "shared key") !== isShared) {
    throw new Error("keys are of another suite");
  }
  if ((keyVersion !== undefined) !== isShared) throw new Error("key version without shared key");
  if (profile.modes.length === 0) throw new Error("a card has one mode at least");
  return { profile, suite, cardId: cardIdBytes(profile.cardId), environment };
}

export function createRam(powered: boolean): Ram {
  return {
    powered,
    selected: false,
    session: undefined,
    lease: undefined,
    chain: undefined,
    waiting: NO_BYTES,
  };
}

export function drawRandom(context: CardContext, byteCount: number): Bytes {
  const bytes = new Uint8Array(context.environment.random(byteCount));
  if (bytes.length !== byteCount)
    throw new Error("the random number generator gave another length");
  return bytes;
}

export function readKept(context: CardContext): KeptRecord {
  return readKeptRecord(context.environment.nonVolatile);
}

export function writeKept(context: CardContext, record: KeptRecord): void {
  writeKeptRecord(context.environment.nonVolatile, record);
}

/** The lease, which a card with a clock drops once its seconds are over. */
export function currentLease(context: CardContext): Lease | undefined {
  const { ram } = context;
  const now = readClock(context);
  if (ram.lease !== undefined && now !== undefined && secondsLeft(ram.lease, now) === 0) {
    ram.lease = undefined;
  }
  return ram.lease;
}

export function readClock(context: CardContext): number | undefined {
  return context.profile.clock?.now();
}

/** Value of element 8D. A lock outlives every lease. */
export function encodeCardState(context: CardContext): Bytes {
  const { lockId } = readKept(context);
  if (lockId !== undefined) return joinBytes(Uint8Array.of(CARD_STATE.locked), lockId);
  const isServing = currentLease(context) !== undefined;
  return Uint8Array.of(isServing ? CARD_STATE.serving : CARD_STATE.idle);
}
