/**
 * A SIM (TS 51.011, class A0), as seen across its T=0 interface: MF, DF_GSM, DF_TELECOM, CHV1 and
 * RUN GSM ALGORITHM. Files are read-only and transparent; there are no records and no CHV2. RUN GSM
 * ALGORITHM outside DF_GSM is answered 9804.
 */
import { createA0Card } from "./a0-card.ts";
import { resetA0, transmitA0 } from "./a0-commands.ts";
import { comp128v1, comp128v2, comp128v3 } from "./comp128.ts";
import { convertKeys, convertRes } from "./conversions.ts";
import { createGsmCommands, createGsmFiles } from "./gsm-application.ts";
import type { GsmAlgorithm } from "./gsm-application.ts";
import { f2, f3, f4 } from "./milenage.ts";
import { createPinState, snapshotPin } from "./pin.ts";
import type { PinSnapshot } from "./pin.ts";

const KEY_BYTES = 16;

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

/**
 * Makes a card; `state` continues one that `snapshot` was taken of.
 * Throws when the profile is no valid personalisation.
 */
export function createSim(profile: SimProfile, state?: SimState): Sim {
  const runGsm = createGsmAlgorithm(profile);
  const { pin, puk } = profile;
  const chv = pin === undefined ? undefined : createPinState(pin, puk, state?.pin ?? undefined);
  const card = createA0Card(createGsmFiles(profile), chv);
  const commands = createGsmCommands(card, runGsm);
  return {
    transmit: (bytes) => transmitA0(card, commands, bytes),
    reset: () => resetA0(card),
    snapshot: () => ({ pin: snapshotPin(chv) }),
  };
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
