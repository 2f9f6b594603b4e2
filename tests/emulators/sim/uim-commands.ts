/**
 * The authentication commands of an R-UIM (3GPP2 C.S0023 section 4): CAVE, the update of SSD, CHAP.
 * All need DF_CDMA as the current directory and CHV1; else they are answered 9804.
 *
 *   RUN CAVE                   88 00 00 11  00, RAND 4, digit length 1, digits 3,
 *                                           process control 1, ESN 7 -> AUTHR 3
 *   BASE STATION CHALLENGE     8A 00 00 04  RANDSeed 4 -> RANDBS 4
 *   UPDATE SSD                 84 00 00 0F  RANDSSD 7, process control 1, ESN 7
 *   CONFIRM SSD                82 00 00 03  AUTHBS 3
 *   COMPUTE IP AUTHENTICATION  80 00 00 Lc  CHAP id 1, NAI entry 1, challenge -> response 16
 *                              80 04 00 Lc  CHAP id 1, challenge -> response 16
 *
 * An update of SSD is BASE STATION CHALLENGE, UPDATE SSD, CONFIRM SSD; out of this order the answer
 * is 9834 and nothing changes. SSD is replaced only when AUTHBS is right; a wrong one (9804) ends
 * the update.
 */
import { createHash } from "node:crypto";
import { SW_A0, isChvSatisfied, isInDirectory } from "./a0-card.ts";
import type { A0Card } from "./a0-card.ts";
import type { A0Command } from "./a0-commands.ts";
import { respondLaterA0 } from "./a0-files.ts";
import { commandData, respond } from "./apdu.ts";
import type { CommandApdu } from "./apdu.ts";
import { generateSsd, signCave } from "./cave.ts";
import type { SharedSecretData } from "./cave.ts";
import { xorBytes } from "./milenage.ts";

export const FID_DF_CDMA = 0x7f25;
const RUN_CAVE_BYTES = 17;
const RANDTYPE_RAND = 0x00;
const RAND_BYTES = 4;
const UPDATE_SSD_BYTES = 15;
const RANDSSD_BYTES = 7;
const AUTHBS_BYTES = 3;
/** Dialled digits, in bits: they replace as many low bits of IMSI_S1. */
const DIGIT_BITS_MAX = 24;
const DIGIT_BITS = 4;
const P1_CHAP = 0x00;
const P1_HRPD = 0x04;
/** The identifier and one byte of challenge. */
const CHAP_BYTES_MIN = 2;
const NAI_ENTRY = 0x00;

/** Where an update of SSD stands; volatile. `pending` follows UPDATE SSD. */
type SsdUpdate = {
  readonly randbs: Uint8Array;
  readonly pending?: { readonly ssd: SharedSecretData; readonly authbs: Uint8Array };
};

export type UimCard = {
  readonly a0: A0Card;
  readonly uimId: Uint8Array;
  readonly imsiS1: Uint8Array;
  readonly aKey: Uint8Array;
  readonly hrpdSecret: Uint8Array | undefined;
  readonly simpleIpSecret: Uint8Array | undefined;
  readonly random: (length: number) => Uint8Array;
  /** Non-volatile. */
  ssd: SharedSecretData;
  update: SsdUpdate | undefined;
};

type UimCommand = (card: UimCard, data: Uint8Array, p1: number) => Uint8Array;

export function createUimCommands(card: UimCard): [number, A0Command][] {
  return [
    [0x88, command(card, 4, P1_CHAP, runCave)],
    [0x8a, command(card, 4, P1_CHAP, challengeBaseStation)],
    [0x84, command(card, 3, P1_CHAP, updateSsd)],
    [0x82, command(card, 3, P1_CHAP, confirmSsd)],
    [0x80, command(card, 4, P1_HRPD, computeIpAuthentication)],
  ];
}

/** With the checks that all have in common: P1 and P2, directory and CHV1. */
function command(card: UimCard, commandCase: 3 | 4, p1Max: number, run: UimCommand): A0Command {
  const runChecked = (apdu: CommandApdu): Uint8Array => {
    if (apdu.p1 > p1Max || apdu.p2 !== 0x00) return respond(SW_A0.wrongP1P2);
    if (!isInDirectory(card.a0, FID_DF_CDMA) || !isChvSatisfied(card.a0)) {
      return respond(SW_A0.accessDenied);
    }
    return run(card, commandData(apdu), apdu.p1);
  };
  return { commandCase, run: runChecked };
}

/** AUTHR, 18 bits in 3 bytes. */
function runCave(card: UimCard, data: Uint8Array): Uint8Array {
  if (data.length !== RUN_CAVE_BYTES) return respond(SW_A0.wrongP3 | RUN_CAVE_BYTES);
  if (data[0] !== RANDTYPE_RAND) return respond(SW_A0.noDiagnostic);
  const rand = data.slice(1, 1 + RAND_BYTES);
  const authData = selectAuthData(card, data[5] ?? 0, data.slice(6, 9));
  if (authData === undefined) return respond(SW_A0.noDiagnostic);
  return respondLaterA0(card.a0, signCave(card.ssd.ssdA, rand, authData, card.uimId));
}

/** RANDBS = RANDSeed ^ random, so that neither side alone chooses it. */
function challengeBaseStation(card: UimCard, data: Uint8Array): Uint8Array {
  if (data.length !== RAND_BYTES) return respond(SW_A0.wrongP3 | RAND_BYTES);
  const randbs = xorBytes(data, card.random(RAND_BYTES));
  card.update = { randbs };
  return respondLaterA0(card.a0, randbs.slice());
}

/** SSD_NEW from the A-key, and AUTHBS under SSD_A_NEW. */
function updateSsd(card: UimCard, data: Uint8Array): Uint8Array {
  if (data.length !== UPDATE_SSD_BYTES) return respond(SW_A0.wrongP3 | UPDATE_SSD_BYTES);
  if (card.update === undefined) return respond(SW_A0.ssdUpdateOutOfOrder);
  const { randbs } = card.update;
  const ssd = generateSsd(card.aKey, data.slice(0, RANDSSD_BYTES), card.uimId);
  const authbs = signCave(ssd.ssdA, randbs, card.imsiS1, card.uimId);
  card.update = { randbs, pending: { ssd, authbs } };
  return respond(SW_A0.ok);
}

function confirmSsd(card: UimCard, data: Uint8Array): Uint8Array {
  if (data.length !== AUTHBS_BYTES) return respond(SW_A0.wrongP3 | AUTHBS_BYTES);
  const pending = card.update?.pending;
  if (pending === undefined) return respond(SW_A0.ssdUpdateOutOfOrder);
  card.update = undefined;
  if (pending.authbs.toHex() !== data.toHex()) return respond(SW_A0.accessDenied);
  card.ssd = pending.ssd;
  return respond(SW_A0.ok);
}

/** CHAP (RFC 1994 section 4.1): MD5(identifier || secret || challenge), 16 bytes. */
function computeIpAuthentication(card: UimCard, data: Uint8Array, p1: number): Uint8Array {
  const secret = p1 === P1_HRPD ? card.hrpdSecret : card.simpleIpSecret;
  if (secret === undefined || (p1 !== P1_HRPD && p1 !== P1_CHAP)) {
    return respond(SW_A0.wrongP1P2);
  }
  const headBytes = p1 === P1_HRPD ? 1 : 2;
  if (data.length < headBytes + CHAP_BYTES_MIN - 1) return respond(SW_A0.wrongP3);
  if (p1 === P1_CHAP && data[1] !== NAI_ENTRY) return respond(SW_A0.fileNotFound);
  const hash = createHash("md5").update(data.subarray(0, 1)).update(secret);
  const response = hash.update(data.subarray(headBytes)).digest();
  return respondLaterA0(card.a0, new Uint8Array(response));
}

/** IMSI_S1, its low bits replaced by the dialled digits, `bits` of them, 4 each. */
function selectAuthData(card: UimCard, bits: number, digits: Uint8Array): Uint8Array | undefined {
  if (bits > DIGIT_BITS_MAX || bits % DIGIT_BITS !== 0) return undefined;
  return card.imsiS1.map((byte, index) => {
    const bitsHere = Math.min(8, Math.max(0, bits - 8 * (2 - index)));
    const mask = (1 << bitsHere) - 1;
    return (byte & ~mask) | ((digits[index] ?? 0) & mask);
  });
}
