/**
 * The PC/SC readers of this machine, by pcsc-lite's own library (winscard.h of pcsc-lite, 64-bit
 * Linux). Nothing here waits for a card or a reader: the service answers from what it knows.
 */
import { dlopen, ptr } from "bun:ffi";
import { PcscError } from "#terminal/pcsc";

export interface PcscReader {
  readonly name: string;
  readonly hasCard: boolean;
}

const LIBRARY = "libpcsclite.so.1";
/** DWORD, LONG and SCARDCONTEXT are `long` there; of a result, the low 32 bits tell. */
const SYMBOLS = {
  SCardEstablishContext: { args: ["u64", "ptr", "ptr", "ptr"], returns: "u32" },
  SCardListReaders: { args: ["i64", "ptr", "ptr", "ptr"], returns: "u32" },
  SCardGetStatusChange: { args: ["i64", "u64", "ptr", "u64"], returns: "u32" },
  SCardReleaseContext: { args: ["i64"], returns: "u32" },
} as const;
type Winscard = ReturnType<typeof dlopen<typeof SYMBOLS>>["symbols"];

const SCOPE_SYSTEM = 2;
const RESULT = {
  success: 0,
  unknownReader: 0x8010_0009,
  noService: 0x8010_001d,
  serviceStopped: 0x8010_001e,
  noReaders: 0x8010_002e,
} as const;
const STATE_PRESENT = 0x20n;
/** 16 readers, which is all that the service has room for, of 128 bytes, and the last zero. */
const NAMES_BYTES = 16 * 128 + 1;
/** SCARD_READERSTATE: in words of 8 bytes name, user data, two states, ATR length; ATR of 33. */
const READER_STATE_BYTES = 80;
const EVENT_STATE_WORD = 3;

/** All readers, with or without a card, by name. Throws PcscError. */
export function listReaders(): PcscReader[] {
  const winscard = loadWinscard();
  const contextOut = new BigInt64Array(1);
  expectSuccess(winscard.SCardEstablishContext(SCOPE_SYSTEM, null, null, ptr(contextOut)));
  const [context = 0n] = contextOut;
  try {
    return listNames(winscard, context)
      .map((name) => readReader(winscard, context, name))
      .filter((reader) => reader !== undefined)
      .toSorted((a, b) => a.name.localeCompare(b.name));
  } finally {
    winscard.SCardReleaseContext(context);
  }
}

let loaded: Winscard | undefined;

function loadWinscard(): Winscard {
  try {
    loaded ??= dlopen(LIBRARY, SYMBOLS).symbols;
    return loaded;
  } catch (error) {
    throw new PcscError("not_installed", undefined, error);
  }
}

/** The service gives one text, each name ended by a zero. */
function listNames(winscard: Winscard, context: bigint): string[] {
  const names = new Uint8Array(NAMES_BYTES);
  const length = BigUint64Array.of(BigInt(names.length));
  const result = winscard.SCardListReaders(context, null, ptr(names), ptr(length));
  if (result === RESULT.noReaders) return [];
  expectSuccess(result);
  const text = new TextDecoder().decode(names.subarray(0, Number(length[0])));
  return text.split("\0").filter((name) => name !== "");
}

/** Undefined when the reader has gone since it was named. */
function readReader(winscard: Winscard, context: bigint, name: string): PcscReader | undefined {
  const nameBytes = new TextEncoder().encode(`${name}\0`);
  const memory = new Uint8Array(READER_STATE_BYTES + nameBytes.length);
  memory.set(nameBytes, READER_STATE_BYTES);
  const state = new BigUint64Array(memory.buffer, 0, READER_STATE_BYTES / 8);
  state[0] = BigInt(ptr(memory) + READER_STATE_BYTES);
  // The caller knows nothing yet (SCARD_STATE_UNAWARE, 0), so this answers at once.
  const result = winscard.SCardGetStatusChange(context, 0, ptr(state), 1);
  if (result === RESULT.unknownReader) return undefined;
  expectSuccess(result);
  const event = state[EVENT_STATE_WORD] ?? 0n;
  return { name, hasCard: (event & STATE_PRESENT) !== 0n };
}

function expectSuccess(result: number): void {
  if (result === RESULT.success) return;
  const isAbsent = result === RESULT.noService || result === RESULT.serviceStopped;
  const cause = new Error(`SCARD 0x${result.toString(16).toUpperCase()}`);
  throw new PcscError(isAbsent ? "no_service" : "failed", undefined, cause);
}
