/** What every command of the card works on: what personalisation wrote, the flash, and the RAM. */
import { CARD_STATE } from "#protocol/assigned-numbers";
import { type Bytes, joinBytes } from "./bytes.ts";
import type { CardKeys } from "./keys.ts";
import { type KeptRecord, readKeptRecord, writeKeptRecord } from "./kept-record.ts";
import type { Lease } from "./lease.ts";
import { type NonVolatileMemory, PowerCut } from "./non-volatile-memory.ts";
import type { Session } from "./session.ts";
import { type Buffers, NO_BYTES } from "./transport.ts";

/** What personalisation writes, once. */
export type CardProfile = {
  /** 16 upper-case hex digits. */
  readonly cardId: string;
  /** 16 bytes. */
  readonly deployment: Uint8Array;
  /** 1 to 32 of a-z, 0-9 and -, the first not -. */
  readonly tenant: string;
  /** The operator's anchor: 65 bytes, 04 || X || Y, P-256. */
  readonly anchorPublicKey: Uint8Array;
  readonly keys: CardKeys;
  /** DER; empty when the card has none (GET DATA then answers 6A88). */
  readonly certificate: Uint8Array;
};

export type CardEnvironment = {
  /** The card's random number generator: that many bytes. */
  readonly random: (byteCount: number) => Uint8Array;
  readonly nonVolatile: NonVolatileMemory;
};

/** Everything that dies at reset and power loss. */
export type Ram = Buffers & {
  /** False once power went: whatever still runs must not write or answer. */
  powered: boolean;
  selected: boolean;
  session: Session | undefined;
  lease: Lease | undefined;
};

export type CardContext = {
  readonly profile: CardProfile;
  /** 8 bytes. */
  readonly cardId: Bytes;
  /** 65 bytes; a copy that the caller cannot change. */
  readonly anchorPublicKey: Bytes;
  readonly environment: CardEnvironment;
  readonly ram: Ram;
};

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

/** Throws PowerCut when power went while the command ran, before a page is touched. */
export function writeKept(context: CardContext, record: KeptRecord): void {
  if (!context.ram.powered) throw new PowerCut("power went before the record was written");
  writeKeptRecord(context.environment.nonVolatile, record);
}

/** Value of element 8D. A lock outlives every lease. */
export function encodeCardState(context: CardContext): Bytes {
  const { lockId } = readKept(context);
  if (lockId !== undefined) return joinBytes(Uint8Array.of(CARD_STATE.locked), lockId);
  const isServing = context.ram.lease !== undefined;
  return Uint8Array.of(isServing ? CARD_STATE.serving : CARD_STATE.idle);
}
