/**
 * What a card of the class A0 is (TS 51.011, and 3GPP2 C.S0023 which takes it over): directories
 * and files, CHV1, the card session. The SIM (sim.ts) and the R-UIM (uim.ts) add their commands.
 */
import type { PinState } from "./card.ts";

/** Status words of TS 51.011 section 9.4; 9834 is C.S0023's. */
export const SW_A0 = {
  ok: 0x9000,
  noEfSelected: 0x9400,
  fileNotFound: 0x9404,
  noChvInitialised: 0x9802,
  /** Also "authentication failed" and a wrong CHV that leaves further attempts. */
  accessDenied: 0x9804,
  contradictsChvStatus: 0x9808,
  ssdUpdateOutOfOrder: 0x9834,
  chvBlocked: 0x9840,
  /** 67xx: wrong P3, xx is the right one, or 00. */
  wrongP3: 0x6700,
  wrongP1P2: 0x6b00,
  instructionNotSupported: 0x6d00,
  classNotSupported: 0x6e00,
  noDiagnostic: 0x6f00,
} as const;

/** 9Fxx: xx bytes wait for GET RESPONSE. */
export const SW_A0_RESPONSE_WAITING = 0x9f00;

/** A transparent file; `read` says what READ BINARY needs. */
export type A0File = {
  readonly fid: number;
  readonly read: "always" | "chv1";
  readonly bytes: Uint8Array;
};

export type A0Directory = {
  readonly fid: number;
  readonly files: readonly A0File[];
  readonly directories: readonly A0Directory[];
};

/** Everything a reset clears. */
export type A0Session = {
  /** From the MF to the current directory; never empty. */
  path: readonly A0Directory[];
  currentEf: A0File | undefined;
  chvVerified: boolean;
  /** Response data of the last command, until GET RESPONSE or the next command. */
  pendingResponse: Uint8Array | undefined;
};

export type A0Card = {
  readonly mf: A0Directory;
  /** Undefined when CHV1 is disabled: nothing needs verification then. */
  readonly chv: PinState | undefined;
  readonly session: A0Session;
};

export function createA0Session(mf: A0Directory): A0Session {
  return { path: [mf], currentEf: undefined, chvVerified: false, pendingResponse: undefined };
}

export function createA0Card(mf: A0Directory, chv: PinState | undefined): A0Card {
  return { mf, chv, session: createA0Session(mf) };
}

/** Whether the access condition CHV1 is met: verified in this session, or disabled. */
export function isChvSatisfied(card: A0Card): boolean {
  return card.chv === undefined || card.session.chvVerified;
}

/** Whether the directory `fid` is the current one, or one above it. */
export function isInDirectory(card: A0Card, fid: number): boolean {
  return card.session.path.some((directory) => directory.fid === fid);
}
