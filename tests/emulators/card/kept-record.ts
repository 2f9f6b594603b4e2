/**
 * What a card keeps through loss of power: epoch, floor, lock and its proof of possession, as one
 * record that changes atomically (I9). Two banks take turns: a write goes to the bank that does not
 * hold the newest record, so that one stays whole until the checksum of the other closes it.
 *
 *   bank  sequence 4 | epoch 4 | floor 4 | locked 1 | lock id 16 | proved 1 | challenge 16 |
 *         signature 64 | checksum 32 (SHA-256 over all before it) | padding
 */
import { createHash } from "node:crypto";
import { LENGTH } from "#protocol/assigned-numbers";
import { areEqual, type Bytes, joinBytes, readCounter, writeCounter } from "./bytes.ts";
import { ERASED_BYTE, type NonVolatileMemory, PAGE_BYTES } from "./non-volatile-memory.ts";

const BANK_PAGES = 3;
const BANKS = [0, 1] as const;
const CHALLENGE_BYTES = 16;
const LOCK_OFFSET = 3 * LENGTH.counter;
const PROOF_OFFSET = LOCK_OFFSET + 1 + LENGTH.lockId;
const CHECKSUM_OFFSET = PROOF_OFFSET + 1 + CHALLENGE_BYTES + LENGTH.signature;
const RECORD_BYTES = CHECKSUM_OFFSET + LENGTH.hash;

export type KeptRecord = {
  /** Of the newest result that the card acted on; 0 before the first. */
  readonly epoch: number;
  /** Lowest platform key generation that the card still accepts. */
  readonly floor: number;
  /** 16 bytes; undefined when the card is not locked. */
  readonly lockId: Bytes | undefined;
  /** What the card signed at enrolment; undefined before. 16 and 64 bytes. */
  readonly possession: { readonly challenge: Bytes; readonly signature: Bytes } | undefined;
};

type Bank = (typeof BANKS)[number];
type StoredRecord = { readonly bank: Bank; readonly sequence: number; readonly record: KeptRecord };

const FACTORY_RECORD: KeptRecord = {
  epoch: 0,
  floor: 0,
  lockId: undefined,
  possession: undefined,
};

/**
 * Writes the first record of a new card; a card that has one keeps it. The second bank is blank
 * until that first record is whole, so a blank second bank with an invalid first one means that
 * personalisation was cut. Anything else without a valid bank is a broken card: no fresh start,
 * which would forget a lock.
 */
export function formatKeptRecord(memory: NonVolatileMemory): void {
  if (findNewest(memory) !== undefined) return;
  if (!readBank(memory, 1).every((byte) => byte === ERASED_BYTE)) {
    throw new Error("no bank of the kept record is valid");
  }
  writeBank(memory, 0, encodeRecord(1, FACTORY_RECORD));
}

export function readKeptRecord(memory: NonVolatileMemory): KeptRecord {
  return requireNewest(memory).record;
}

/** All of `record` or, when power is cut meanwhile, all of the one before it. */
export function writeKeptRecord(memory: NonVolatileMemory, record: KeptRecord): void {
  const newest = requireNewest(memory);
  writeBank(memory, newest.bank === 0 ? 1 : 0, encodeRecord(newest.sequence + 1, record));
}

function requireNewest(memory: NonVolatileMemory): StoredRecord {
  const newest = findNewest(memory);
  if (newest === undefined) throw new Error("no bank of the kept record is valid");
  return newest;
}

function findNewest(memory: NonVolatileMemory): StoredRecord | undefined {
  let newest: StoredRecord | undefined;
  for (const bank of BANKS) {
    const stored = decodeBank(bank, readBank(memory, bank));
    if (stored !== undefined && stored.sequence > (newest?.sequence ?? 0)) newest = stored;
  }
  return newest;
}

function encodeRecord(sequence: number, record: KeptRecord): Bytes {
  const body = joinBytes(
    writeCounter(sequence),
    writeCounter(record.epoch),
    writeCounter(record.floor),
    Uint8Array.of(record.lockId === undefined ? 0 : 1),
    record.lockId ?? new Uint8Array(LENGTH.lockId),
    Uint8Array.of(record.possession === undefined ? 0 : 1),
    record.possession?.challenge ?? new Uint8Array(CHALLENGE_BYTES),
    record.possession?.signature ?? new Uint8Array(LENGTH.signature),
  );
  if (body.length !== CHECKSUM_OFFSET) throw new Error("kept record has a field of wrong length");
  return joinBytes(body, checksum(body));
}

function decodeBank(bank: Bank, bytes: Bytes): StoredRecord | undefined {
  const body = bytes.subarray(0, CHECKSUM_OFFSET);
  if (!areEqual(checksum(body), bytes.subarray(CHECKSUM_OFFSET, RECORD_BYTES))) return undefined;
  const lock = body.slice(LOCK_OFFSET, PROOF_OFFSET);
  const proof = body.slice(PROOF_OFFSET);
  return {
    bank,
    sequence: readCounter(body),
    record: {
      epoch: readCounter(body, LENGTH.counter),
      floor: readCounter(body, 2 * LENGTH.counter),
      lockId: lock[0] === 0 ? undefined : lock.slice(1),
      possession:
        proof[0] === 0
          ? undefined
          : {
              challenge: proof.slice(1, 1 + CHALLENGE_BYTES),
              signature: proof.slice(1 + CHALLENGE_BYTES),
            },
    },
  };
}

function checksum(body: Uint8Array): Uint8Array {
  return createHash("sha256").update(body).digest();
}

function readBank(memory: NonVolatileMemory, bank: Bank): Bytes {
  const pages = Array.from({ length: BANK_PAGES }, (_, page) =>
    memory.readPage(bank * BANK_PAGES + page),
  );
  return joinBytes(...pages);
}

function writeBank(memory: NonVolatileMemory, bank: Bank, record: Bytes): void {
  const padded = new Uint8Array(BANK_PAGES * PAGE_BYTES);
  padded.set(record);
  for (let page = 0; page < BANK_PAGES; page++) {
    const start = page * PAGE_BYTES;
    memory.writePage(bank * BANK_PAGES + page, padded.subarray(start, start + PAGE_BYTES));
  }
}
