/**
 * An R-UIM (3GPP2 C.S0023, class A0), as seen across its T=0 interface: MF, DF_CDMA, CHV1, CAVE
 * with the update of SSD, and CHAP. The card uses its own UIM_ID, whatever ESN the terminal passes
 * (its usage indicator says so). Files are read-only and transparent; there is no CHV2, and neither
 * key generation (GENERATE KEY/VPM) nor unique challenges.
 */
import { createA0Card } from "./a0-card.ts";
import type { A0Directory } from "./a0-card.ts";
import { createA0Commands, resetA0, transmitA0 } from "./a0-commands.ts";
import { encodeIccid, encodeServicePairs } from "./ef-coding.ts";
import { FID_MF } from "./file-system.ts";
import { createPinState, snapshotPin } from "./pin.ts";
import type { PinSnapshot } from "./pin.ts";
import { encodeImsiM, encodeImsiS1, encodeRuimId, encodeUsageIndicator } from "./ruim-coding.ts";
import { FID_DF_CDMA, createUimCommands } from "./uim-commands.ts";
import type { UimCard } from "./uim-commands.ts";

const UIM_ID_BYTES = 4;
const A_KEY_BYTES = 8;
const SSD_BYTES = 8;
/** EF_CST: 5, HRPD; 20, packet data with simple IP. */
const SERVICES_HRPD = [5] as const;
const SERVICES_SIMPLE_IP = [20] as const;

/** A subscription as the operator personalises it. */
export type UimProfile = {
  /** 7 to 15 digits. */
  readonly imsi: string;
  /** 18 to 20 digits. */
  readonly iccid: string;
  /** UIM_ID, 4 bytes, big-endian. */
  readonly uimId: Uint8Array;
  /** 8 bytes. */
  readonly aKey: Uint8Array;
  /** SSD_A of a card that was used before, 8 bytes; zeros by default. */
  readonly ssdA?: Uint8Array | undefined;
  /** SSD_B, 8 bytes; zeros by default. */
  readonly ssdB?: Uint8Array | undefined;
  /** Shared secret of HRPD access authentication; without it P1 04 is answered 6B00. */
  readonly hrpdSecret?: Uint8Array | undefined;
  /** Shared secret of simple IP, NAI entry 0; without it P1 00 is answered 6B00. */
  readonly simpleIpSecret?: Uint8Array | undefined;
  /** `length` random bytes, for RANDBS. */
  readonly random: (length: number) => Uint8Array;
  /** CHV1, 4 to 8 digits; without it CHV1 is disabled. */
  readonly pin?: string | undefined;
  /** UNBLOCK CHV, 8 digits; without it UNBLOCK CHV is answered 9802. */
  readonly puk?: string | undefined;
};

/** The non-volatile state, plain JSON; SSD in hex. `pin` is null when CHV1 is disabled. */
export type UimState = {
  readonly ssdA: string;
  readonly ssdB: string;
  readonly pin: PinSnapshot | null;
};

export type Uim = {
  /**
   * Answers any bytes with response data, then SW1 SW2; never throws, keeps no reference to `apdu`.
   */
  readonly transmit: (apdu: Uint8Array) => Uint8Array;
  /** Ends the card session, and an update of SSD with it; returns the ATR. SSD and CHV stay. */
  readonly reset: () => Uint8Array;
  /** A copy of the non-volatile state, to persist or to compare. */
  readonly snapshot: () => UimState;
};

/**
 * Makes a card; `state` continues one that `snapshot` was taken of.
 * Throws when the profile is no valid personalisation.
 */
export function createUim(profile: UimProfile, state?: UimState): Uim {
  const card = createCard(profile, state);
  const { a0 } = card;
  const commands = new Map([...createA0Commands(a0), ...createUimCommands(card)]);
  return {
    transmit: (bytes) => transmitA0(a0, commands, bytes),
    reset: () => {
      card.update = undefined;
      return resetA0(a0);
    },
    snapshot: () => ({
      ssdA: card.ssd.ssdA.toHex(),
      ssdB: card.ssd.ssdB.toHex(),
      pin: snapshotPin(a0.chv),
    }),
  };
}

function createCard(profile: UimProfile, state: UimState | undefined): UimCard {
  const { pin, puk, uimId, aKey, hrpdSecret, simpleIpSecret } = profile;
  if (uimId.length !== UIM_ID_BYTES) throw new Error("uimId must be 4 bytes");
  if (aKey.length !== A_KEY_BYTES) throw new Error("aKey must be 8 bytes");
  const ssd = {
    ssdA: restoreSsd(state?.ssdA, profile.ssdA),
    ssdB: restoreSsd(state?.ssdB, profile.ssdB),
  };
  const chv = pin === undefined ? undefined : createPinState(pin, puk, state?.pin ?? undefined);
  return {
    a0: createA0Card(createFiles(profile), chv),
    uimId: uimId.slice(),
    imsiS1: encodeImsiS1(profile.imsi),
    aKey: aKey.slice(),
    hrpdSecret: hrpdSecret?.slice(),
    simpleIpSecret: simpleIpSecret?.slice(),
    random: profile.random,
    ssd,
    update: undefined,
  };
}

function restoreSsd(saved: string | undefined, initial: Uint8Array | undefined): Uint8Array {
  const ssd = saved === undefined ? initial?.slice() : Uint8Array.fromHex(saved);
  if (ssd !== undefined && ssd.length !== SSD_BYTES) throw new Error("SSD must be 8 bytes");
  return ssd ?? new Uint8Array(SSD_BYTES);
}

/** C.S0023 section 3.4. */
function createFiles(profile: UimProfile): A0Directory {
  const services = [
    ...(profile.hrpdSecret === undefined ? [] : SERVICES_HRPD),
    ...(profile.simpleIpSecret === undefined ? [] : SERVICES_SIMPLE_IP),
  ];
  const cdmaFiles = [
    { fid: 0x6f22, read: "chv1", bytes: encodeImsiM(profile.imsi) },
    { fid: 0x6f31, read: "always", bytes: encodeRuimId(profile.uimId) },
    { fid: 0x6f32, read: "chv1", bytes: encodeServicePairs(services) },
    { fid: 0x6f42, read: "always", bytes: encodeUsageIndicator() },
  ] as const;
  return {
    fid: FID_MF,
    files: [{ fid: 0x2fe2, read: "always", bytes: encodeIccid(profile.iccid) }],
    directories: [{ fid: FID_DF_CDMA, files: cdmaFiles, directories: [] }],
  };
}
