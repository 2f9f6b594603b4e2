/** SELECT, STATUS, READ BINARY and GET RESPONSE of the class A0 (TS 51.011 sections 8 and 9.2). */
import { SW_A0, SW_A0_RESPONSE_WAITING, isChvSatisfied } from "./a0-card.ts";
import type { A0Card, A0Directory, A0File } from "./a0-card.ts";
import { commandData, respond } from "./apdu.ts";
import type { CommandApdu } from "./apdu.ts";

const FID_BYTES = 2;
/** Le = 00 in a short APDU. */
const LE_MAX = 256;
const TYPE_MF = 0x01;
const TYPE_DF = 0x02;
const TYPE_EF = 0x04;
const STATUS_INVALIDATED_NOT = 0x01;
const STRUCTURE_TRANSPARENT = 0x00;
/** File characteristics (section 9.2.1): clock stop allowed, 13/8 MHz; bit 8, CHV1 disabled. */
const CHARACTERISTICS = 0x11;
const CHV1_DISABLED = 0x80;
/** CHV status: bit 8, initialised; the lower nibble holds the tries left. */
const CHV_INITIALISED = 0x80;
const CHV_TRIES = 3;
const UNBLOCK_TRIES = 10;
/** CHV1 and its UNBLOCK CHV. */
const CODE_COUNT = 2;
/**
 * Access conditions (section 9.3), a nibble each: READ and UPDATE, INCREASE and RFU, REHABILITATE
 * and INVALIDATE. 0 is always, 1 CHV1, 4 and 5 administrative.
 */
const ACCESS: Readonly<Record<A0File["read"], readonly number[]>> = {
  always: [0x05, 0x00, 0x44],
  chv1: [0x14, 0x00, 0x44],
};

/** 9Fxx; a refusal leaves the current directory and file as they were. */
export function selectA0(card: A0Card, apdu: CommandApdu): Uint8Array {
  if (apdu.p1 !== 0x00 || apdu.p2 !== 0x00) return respond(SW_A0.wrongP1P2);
  const data = commandData(apdu);
  if (data.length !== FID_BYTES) return respond(SW_A0.wrongP3 | FID_BYTES);
  const fid = ((data[0] ?? 0) << 8) | (data[1] ?? 0);
  const { session } = card;
  const path = resolveDirectory(card, fid);
  if (path !== undefined) {
    session.path = path;
    session.currentEf = undefined;
    return respondLaterA0(card, encodeDirectory(card));
  }
  const file = session.path.at(-1)?.files.find((candidate) => candidate.fid === fid);
  if (file === undefined) return respond(SW_A0.fileNotFound);
  session.currentEf = file;
  return respondLaterA0(card, encodeFile(file));
}

/** What SELECT of the current directory gave, directly. */
export function statusA0(card: A0Card, apdu: CommandApdu): Uint8Array {
  if (apdu.p1 !== 0x00 || apdu.p2 !== 0x00) return respond(SW_A0.wrongP1P2);
  return respondUpTo(apdu.p3, encodeDirectory(card));
}

/** P1 P2 is the offset, P3 the length. */
export function readBinaryA0(card: A0Card, apdu: CommandApdu): Uint8Array {
  const file = card.session.currentEf;
  if (file === undefined) return respond(SW_A0.noEfSelected);
  if (file.read === "chv1" && !isChvSatisfied(card)) return respond(SW_A0.accessDenied);
  const offset = (apdu.p1 << 8) | apdu.p2;
  if (offset >= file.bytes.length) return respond(SW_A0.wrongP1P2);
  return respondUpTo(apdu.p3, file.bytes.subarray(offset));
}

/** Keeps `data` (1 to 255 bytes) for GET RESPONSE and answers 9Fxx. */
export function respondLaterA0(card: A0Card, data: Uint8Array): Uint8Array {
  card.session.pendingResponse = data;
  return respond(SW_A0_RESPONSE_WAITING | data.length);
}

/** May ask for less than there is; a wrong P3 keeps the data waiting, all else drops it. */
export function getResponseA0(card: A0Card, apdu: CommandApdu): Uint8Array {
  const { session } = card;
  const pending = session.pendingResponse;
  session.pendingResponse = undefined;
  if (apdu.p1 !== 0x00 || apdu.p2 !== 0x00) return respond(SW_A0.wrongP1P2);
  if (pending === undefined) return respond(SW_A0.noDiagnostic);
  const answer = respondUpTo(apdu.p3, pending);
  if (answer.length === FID_BYTES) session.pendingResponse = pending;
  return answer;
}

/**
 * Reachable by identifier (section 6.5): the MF, the current directory, its parent, its children
 * and its siblings. Gives the new path.
 */
function resolveDirectory(card: A0Card, fid: number): readonly A0Directory[] | undefined {
  const { path } = card.session;
  if (fid === card.mf.fid) return [card.mf];
  const above = path.slice(0, -1);
  if (path.at(-1)?.fid === fid) return path;
  if (above.at(-1)?.fid === fid) return above;
  for (const parents of [path, above]) {
    const child = parents.at(-1)?.directories.find((directory) => directory.fid === fid);
    if (child !== undefined) return [...parents, child];
  }
  return undefined;
}

/** Response data for the current directory, 22 bytes (section 9.2.1). */
function encodeDirectory(card: A0Card): Uint8Array {
  const directory = card.session.path.at(-1) ?? card.mf;
  const chv = card.chv;
  const triesLeft = chv?.triesLeft ?? CHV_TRIES;
  const unblockTriesLeft = chv?.pukTriesLeft ?? UNBLOCK_TRIES;
  const gsmData = [
    CHARACTERISTICS | (chv === undefined ? CHV1_DISABLED : 0),
    directory.directories.length,
    directory.files.length,
    CODE_COUNT,
    0x00,
    CHV_INITIALISED | triesLeft,
    CHV_INITIALISED | unblockTriesLeft,
    // CHV2 and its UNBLOCK CHV are not initialised.
    0x00,
    0x00,
  ];
  const type = directory === card.mf ? TYPE_MF : TYPE_DF;
  const head = [0, 0, 0, 0, directory.fid >> 8, directory.fid & 0xff, type, 0, 0, 0, 0, 0];
  return new Uint8Array([...head, gsmData.length, ...gsmData]);
}

/** Response data for a file, 15 bytes (section 9.2.1). */
function encodeFile(file: A0File): Uint8Array {
  const size = file.bytes.length;
  const head = [0, 0, size >> 8, size & 0xff, file.fid >> 8, file.fid & 0xff, TYPE_EF, 0x00];
  const structure = [STRUCTURE_TRANSPARENT, 0x00];
  const rest = [...ACCESS[file.read], STATUS_INVALIDATED_NOT, structure.length, ...structure];
  return new Uint8Array([...head, ...rest]);
}

/** The first P3 bytes of `data`, or 67xx with how many there are. */
function respondUpTo(p3: number, data: Uint8Array): Uint8Array {
  const le = p3 === 0 ? LE_MAX : p3;
  if (le > data.length) return respond(SW_A0.wrongP3 | data.length);
  return respond(SW_A0.ok, data.subarray(0, le));
}
