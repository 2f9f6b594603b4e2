/**
 * What a card keeps through loss of power: epoch, floor and lock, as one record that changes
 * atomically (I9). Two banks of a page take turns: a write goes to the bank that does not hold the
 * newest record, so that one stays whole until the checksum of the other closes it.
 *
 *   bank  sequence 4 | epoch 4 | floor 4 | locked 1 | lock id 16 |
 *         checksum 32 (SHA-256 over all before it) | padding
 */
import { LENGTH } from "#protocol/assigned-numbers";
import { areEqual, type Bytes, joinBytes, readCounter, writeCounter } from "./bytes.ts";
import { sha256 } from "./key-derivation.ts";
import { ERASED_BYTE, type NonVolatileMemory, PAGE_BYTES } from "./non-volatile-memory.ts";

/** Pages 0 and 1. */
const BANKS = [0, 1] as const;
const LOCK_OFFSET = 3 * LENGTH.counter;
const CHECKSUM_OFFSET = LOCK_OFFSET + 1 + LENGTH.lockId;
const RECORD_BYTES = CHECKSUM_OFFSET + LENGTH.hash;

export type KeptRecord = {
  /** Of the newest result that the card acted on; 0 before the first. */
  readonly epoch: number;
  /** Lowest platform key generation that the card still accepts. */
  readonly floor: number;
  /** 16 bytes; undefined when the card is not locked. */
  readonly lockId: Bytes | undefined;
};

type Bank = (typeof BANKS)[number];
type StoredRecord = { readonly bank: Bank; readonly sequence: number; readonly record: KeptRecord };

const FACTORY_RECORD: KeptRecord = { epoch: 0, floor: 0, lockId: undefined };

/**
 * Writes the first record of a new card; a card that has one keeps it. The second bank is blank
 * until that first record is whole, so a blank second bank with an invalid first one means that
 * personalisation was cut. Anything else without a valid bank is a broken card: no fresh start,
 * which would forget a lock.
 */
export function formatKeptRecord(memory: NonVolatileMemory): void {
  if (findNewest(memory) !== undefined) return;
  if (!memory.readPage(1).every((byte) => byte === ERASED_BYTE)) {
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
    const stored = decodeBank(bank, memory.readPage(bank));
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
  );
  if (body.length !== CHECKSUM_OFFSET) throw new Error("kept record has a field of wrong length");
  return joinBytes(body, sha256(body));
}

function decodeBank(bank: Bank, bytes: Bytes): StoredRecord | undefined {
  const body = bytes.subarray(0, CHECKSUM_OFFSET);
  if (!areEqual(sha256(body), bytes.subarray(CHECKSUM_OFFSET, RECORD_BYTES))) return undefined;
  const lock = body.slice(LOCK_OFFSET);
  return {
    bank,
    sequence: readCounter(body),
    record: {
      epoch: readCounter(body, LENGTH.counter),
      floor: readCounter(body, 2 * LENGTH.counter),
      lockId: lock[0] === 0 ? undefined : lock.slice(1),
    },
  };
}

function writeBank(memory: NonVolatileMemory, bank: Bank, record: Bytes): void {
  const page = new Uint8Array(PAGE_BYTES);
  page.set(record);
  memory.writePage(bank, page);
}
