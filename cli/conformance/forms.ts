/** Challenges and answers as sections 2 and 6 of docs/protocol.md form them, and as they do not. */
import { TAG } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes, encodeAscii } from "#protocol/bytes";
import type { ModuleAnswer } from "#protocol/messages";
import { encodeTlv } from "#protocol/tlv";
import { AUTS, RANDBS, REFUSAL, RES, statementOf } from "./session.ts";

type Form = readonly [what: string, data: Bytes];

const rand = (bytes: number): Bytes => encodeTlv(TAG.rand, new Uint8Array(bytes).fill(7));
const rands = (bytes: number, count = 1): Bytes =>
  encodeTlv(TAG.rands, ...Array.from({ length: count }, () => rand(bytes)));
const autn = (bytes: number): Bytes => encodeTlv(TAG.autn, new Uint8Array(bytes).fill(8));
const res = (bytes: number): Bytes => encodeTlv(TAG.res, new Uint8Array(bytes).fill(9));

/** Elements B1 92. */
export const GOOD_CHALLENGES: readonly Form[] = [
  ["SIM", concatBytes(rands(16, 2), autn(0))],
  ["USIM", concatBytes(rands(16), autn(16))],
  ["CAVE", concatBytes(rands(4, 4), autn(0))],
  ["SSD update", concatBytes(rands(7), autn(0))],
  ["after it", concatBytes(rands(4, 4), autn(3))],
  ["CHAP-MD5", concatBytes(rands(17), autn(0))],
];

export const BAD_CHALLENGES: readonly Form[] = [
  ["five RANDs", concatBytes(rands(16, 5), autn(0))],
  ["no RAND", concatBytes(encodeTlv(TAG.rands), autn(16))],
  ["RAND of 15 bytes", concatBytes(rands(15), autn(16))],
  ["RANDs of two lengths", concatBytes(encodeTlv(TAG.rands, rand(16), rand(4)), autn(0))],
  ["AUTN of 15 bytes", concatBytes(rands(16), autn(15))],
  ["AUTN first", concatBytes(autn(16), rands(16))],
  ["AUTN twice", concatBytes(rands(16), autn(16), autn(16))],
  ["no AUTN", rands(16)],
];

interface Statement {
  readonly imsi?: string;
  readonly kind?: number;
  /** Content of B5. */
  readonly answer?: Bytes;
  readonly tagBytes?: number;
}

function statement({ imsi = "001010123456789", kind = 2, answer, tagBytes = 0 }: Statement): Bytes {
  return concatBytes(
    encodeTlv(TAG.imsi, encodeAscii(imsi)),
    encodeTlv(TAG.moduleKind, Uint8Array.of(kind)),
    encodeTlv(TAG.answer, answer ?? res(8)),
    encodeTlv(TAG.confirmationTag, new Uint8Array(tagBytes)),
  );
}

const ANSWERS: readonly ModuleAnswer[] = [RES, AUTS, RANDBS, REFUSAL];

/** Elements 93 94 B5 98. */
export const GOOD_STATEMENTS: readonly Form[] = [
  ...ANSWERS.map((answer): Form => [answer.kind, statementOf(answer)]),
  ["IMSI of 6 digits, module kind 1", statement({ imsi: "001010", kind: 1 })],
  ["module kind 3", statement({ kind: 3 })],
  ["confirmation tag", statement({ tagBytes: 32 })],
  ["four RES of 3 bytes", statement({ answer: concatBytes(res(3), res(3), res(3), res(3)) })],
  ["RES of 16 bytes", statement({ answer: res(16) })],
];

const auts = encodeTlv(TAG.auts, new Uint8Array(14));
const status = encodeTlv(TAG.statusWord, new Uint8Array(2));

export const BAD_STATEMENTS: readonly Form[] = [
  ["IMSI of 5 digits", statement({ imsi: "00101" })],
  ["IMSI of 16 digits", statement({ imsi: "0010101234567890" })],
  ["IMSI with a letter", statement({ imsi: "00101012345678F" })],
  ["module kind 0", statement({ kind: 0 })],
  ["module kind 4", statement({ kind: 4 })],
  ["tag of 31 bytes", statement({ tagBytes: 31 })],
  ["no answer", statement({ answer: new Uint8Array(0) })],
  ["RES of 2 bytes", statement({ answer: res(2) })],
  ["RES of 17 bytes", statement({ answer: res(17) })],
  ["five RES", statement({ answer: concatBytes(res(4), res(4), res(4), res(4), res(4)) })],
  ["AUTS of 13 bytes", statement({ answer: encodeTlv(TAG.auts, new Uint8Array(13)) })],
  ["AUTS twice", statement({ answer: concatBytes(auts, auts) })],
  ["RES and AUTS", statement({ answer: concatBytes(res(4), auts) })],
  ["a refusal and AUTS", statement({ answer: concatBytes(status, auts) })],
  ["a refusal of 3 bytes", statement({ answer: encodeTlv(TAG.statusWord, new Uint8Array(3)) })],
  ["RANDBS of 5 bytes", statement({ answer: encodeTlv(TAG.randbs, new Uint8Array(5)) })],
  ["an unknown element", statement({ answer: encodeTlv(0x9f, new Uint8Array(1)) })],
];
