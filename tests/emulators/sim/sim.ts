/**
 * A SIM (TS 51.011, class A0), as seen across its T=0 interface: MF, DF_GSM, DF_TELECOM, CHV1 and
 * RUN GSM ALGORITHM. Files are read-only and transparent; there are no records and no CHV2. RUN GSM
 * ALGORITHM outside DF_GSM is answered 9804.
 */
import { SW_A0, createA0Card, isChvSatisfied, isInDirectory } from "./a0-card.ts";
import type { A0Card, A0Directory } from "./a0-card.ts";
import { createA0Commands, resetA0, transmitA0 } from "./a0-commands.ts";
import { respondLaterA0 } from "./a0-files.ts";
import { commandData, respond } from "./apdu.ts";
import type { CommandApdu } from "./apdu.ts";
import { comp128v1, comp128v2, comp128v3 } from "./comp128.ts";
import type { Triplet } from "./comp128.ts";
import { convertKeys, convertRes } from "./conversions.ts";
import {
  encodeAccessControlClass,
  encodeAdministrativeData,
  encodeIccid,
  encodeImsi,
  encodeInitialKc,
  encodeServicePairs,
} from "./ef-coding.ts";
import { FID_MF } from "./file-system.ts";
import { f2, f3, f4 } from "./milenage.ts";
import { createPinState, snapshotPin } from "./pin.ts";
import type { PinSnapshot } from "./pin.ts";

const FID_DF_GSM = 0x7f20;
const FID_DF_TELECOM = 0x7f10;
const INS_RUN_GSM_ALGORITHM = 0x88;
const RAND_BYTES = 16;
const KEY_BYTES = 16;
/** EF_SST (section 10.3.7): service 1, CHV1 disable function. */
const SERVICES = [1] as const;

/** A subscription as the operator personalises it. */
export type SimProfile = {
  /** 6 to 15 digits. */
  readonly imsi: string;
  /** 18 to 20 digits. */
  readonly iccid: string;
  readonly mncLength: 2 | 3;
  /** GSM-Milenage is TS 55.205 with conversions c2 and c3. */
  readonly algorithm: "comp128-1" | "comp128-2" | "comp128-3" | "gsm-milenage";
  /** 16 bytes. */
  readonly ki: Uint8Array;
  /** GSM-Milenage alone: OPc, 16 bytes. */
  readonly opc?: Uint8Array | undefined;
  /** CHV1, 4 to 8 digits; without it CHV1 is disabled. */
  readonly pin?: string | undefined;
  /** UNBLOCK CHV, 8 digits; without it UNBLOCK CHV is answered 9802. */
  readonly puk?: string | undefined;
};

/** The non-volatile state, plain JSON. `pin` is null when CHV1 is disabled. */
export type SimState = { readonly pin: PinSnapshot | null };

export type Sim = {
  /**
   * Answers any bytes with response data, then SW1 SW2; never throws, keeps no reference to `apdu`.
   */
  readonly transmit: (apdu: Uint8Array) => Uint8Array;
  /** Ends the card session and returns the ATR; the CHV counters stay. */
  readonly reset: () => Uint8Array;
  /** A copy of the non-volatile state, to persist or to compare. */
  readonly snapshot: () => SimState;
};

/** A3 and A8 of one card: RAND, 16 bytes, to SRES and Kc. */
type GsmAlgorithm = (rand: Uint8Array) => Triplet;

/**
 * Makes a card; `state` continues one that `snapshot` was taken of.
 * Throws when the profile is no valid personalisation.
 */
export function createSim(profile: SimProfile, state?: SimState): Sim {
  const runGsm = createGsmAlgorithm(profile);
  const { pin, puk } = profile;
  const chv = pin === undefined ? undefined : createPinState(pin, puk, state?.pin ?? undefined);
  const card = createA0Card(createFiles(profile), chv);
  const commands = new Map([
    ...createA0Commands(card),
    [
      INS_RUN_GSM_ALGORITHM,
      { commandCase: 4, run: (apdu: CommandApdu) => runGsmAlgorithm(card, runGsm, apdu) },
    ] as const,
  ]);
  return {
    transmit: (bytes) => transmitA0(card, commands, bytes),
    reset: () => resetA0(card),
    snapshot: () => ({ pin: snapshotPin(chv) }),
  };
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

function createGsmAlgorithm(profile: SimProfile): GsmAlgorithm {
  if (profile.ki.length !== KEY_BYTES) throw new Error("ki must be 16 bytes");
  const ki = profile.ki.slice();
  switch (profile.algorithm) {
    case "comp128-1":
      return (rand) => comp128v1(ki, rand);
    case "comp128-2":
      return (rand) => comp128v2(ki, rand);
    case "comp128-3":
      return (rand) => comp128v3(ki, rand);
    case "gsm-milenage":
      return createGsmMilenage(ki, profile.opc);
  }
}

/** TS 55.205 section 4. */
function createGsmMilenage(k: Uint8Array, opc: Uint8Array | undefined): GsmAlgorithm {
  if (opc?.length !== KEY_BYTES) throw new Error("opc must be 16 bytes");
  const keys = { k, opc: opc.slice() };
  return (rand) => ({
    sres: convertRes(f2(keys, rand)),
    kc: convertKeys(f3(keys, rand), f4(keys, rand)),
  });
}

function createFiles(profile: SimProfile): A0Directory {
  const { imsi, iccid, mncLength } = profile;
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
