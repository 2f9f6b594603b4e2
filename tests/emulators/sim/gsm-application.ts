/**
 * What makes a card of class A0 a SIM (TS 51.011): MF, DF_GSM, DF_TELECOM, RUN GSM ALGORITHM.
 * A SIM is nothing else; a UICC may have it beside its USIM (TS 102 221, annex B).
 */
import { SW_A0, isChvSatisfied, isInDirectory } from "./a0-card.ts";
import type { A0Card, A0Directory } from "./a0-card.ts";
import { createA0Commands } from "./a0-commands.ts";
import type { A0Command } from "./a0-commands.ts";
import { respondLaterA0 } from "./a0-files.ts";
import { commandData, respond } from "./apdu.ts";
import type { CommandApdu } from "./apdu.ts";
import type { Triplet } from "./comp128.ts";
import {
  encodeAccessControlClass,
  encodeAdministrativeData,
  encodeIccid,
  encodeImsi,
  encodeInitialKc,
  encodeServicePairs,
} from "./ef-coding.ts";
import { FID_MF } from "./file-system.ts";

const FID_DF_GSM = 0x7f20;
const FID_DF_TELECOM = 0x7f10;
const INS_RUN_GSM_ALGORITHM = 0x88;
const RAND_BYTES = 16;
/** EF_SST (section 10.3.7): service 1, CHV1 disable function. */
const SERVICES = [1] as const;

/** The subscription as far as the files show it. */
type GsmSubscription = {
  readonly imsi: string;
  readonly iccid: string;
  readonly mncLength: 2 | 3;
};

/** A3 and A8 of one card: RAND, 16 bytes, to SRES and Kc. */
export type GsmAlgorithm = (rand: Uint8Array) => Triplet;

/** All commands of the SIM, by instruction. */
export function createGsmCommands(
  card: A0Card,
  runGsm: GsmAlgorithm,
): ReadonlyMap<number, A0Command> {
  return new Map([
    ...createA0Commands(card),
    [
      INS_RUN_GSM_ALGORITHM,
      { commandCase: 4, run: (apdu: CommandApdu) => runGsmAlgorithm(card, runGsm, apdu) },
    ],
  ]);
}

/** Section 8.16: SRES, 4 bytes, and Kc, 8 bytes, wait for GET RESPONSE. */
function runGsmAlgorithm(card: A0Card, runGsm: GsmAlgorithm, apdu: CommandApdu): Uint8Array {
  if (apdu.p1 !== 0x00 || apdu.p2 !== 0x00) return respond(SW_A0.wrongP1P2);
  const rand = commandData(apdu);
  if (rand.length !== RAND_BYTES) return respond(SW_A0.wrongP3 | RAND_BYTES);
  if (!isInDirectory(card, FID_DF_GSM) || !isChvSatisfied(card)) {
    return respond(SW_A0.accessDenied);
  }
  const { sres, kc } = runGsm(rand);
  return respondLaterA0(card, new Uint8Array([...sres, ...kc]));
}

export function createGsmFiles(subscription: GsmSubscription): A0Directory {
  const { imsi, iccid, mncLength } = subscription;
  const gsmFiles = [
    { fid: 0x6f07, read: "chv1", bytes: encodeImsi(imsi) },
    { fid: 0x6f20, read: "chv1", bytes: encodeInitialKc() },
    { fid: 0x6f38, read: "chv1", bytes: encodeServicePairs(SERVICES) },
    { fid: 0x6f78, read: "chv1", bytes: encodeAccessControlClass(imsi) },
    { fid: 0x6fad, read: "always", bytes: encodeAdministrativeData(mncLength) },
  ] as const;
  return {
    fid: FID_MF,
    files: [{ fid: 0x2fe2, read: "always", bytes: encodeIccid(iccid) }],
    directories: [
      { fid: FID_DF_TELECOM, files: [], directories: [] },
      { fid: FID_DF_GSM, files: gsmFiles, directories: [] },
    ],
  };
}
