/**
 * Helpers of the tests in this folder: a profile, hex frames, T=0 GET RESPONSE and forged AUTNs.
 */
import { encodeTlv } from "./ef-coding.ts";
import { f1, f5, xorBytes } from "./milenage.ts";
import type { MilenageKeys } from "./milenage.ts";
import { createUsim } from "./usim.ts";
import type { Usim, UsimProfile } from "./usim.ts";

/** TS 35.208 section 4.3.1, test set 1. */
export const TEST_KEYS: MilenageKeys = {
  k: Uint8Array.fromHex("465b5ce8b199b49faa5f0a2ee238a6bc"),
  opc: Uint8Array.fromHex("cd63cb71954a9f4e48a5994e37a02baf"),
};

export const TEST_PROFILE: UsimProfile = {
  ...TEST_KEYS,
  imsi: "460019876543210",
  iccid: "8988601202601000428",
  mncLength: 2,
};

export const SELECT_MF = "00a4000c023f00";
export const SELECT_USIM = "00a4040c10a0000000871002ff86ffff89ffffffff";
export const VERIFY_1234 = "002000010831323334ffffffff";

/** Sends hex, returns hex. */
export function send(module: { transmit: Usim["transmit"] }, apdu: string): string {
  return module.transmit(Uint8Array.fromHex(apdu)).toHex();
}

/** Sends hex and, on 61xx, fetches the data as a T=0 terminal does. */
export function exchange(usim: Usim, apdu: string): string {
  const answer = send(usim, apdu);
  return answer.startsWith("61") ? send(usim, `00c00000${answer.slice(2)}`) : answer;
}

/** The same for class A0, where 9Fxx says how much waits. */
export function exchangeA0(module: { transmit: Usim["transmit"] }, apdu: string): string {
  const answer = send(module, apdu);
  return answer.startsWith("9f") ? send(module, `a0c00000${answer.slice(2)}`) : answer;
}

/** A card of the test profile with ADF.USIM selected. */
export function createUsimInAdf(profile: Partial<UsimProfile> = {}): Usim {
  const usim = createUsim({ ...TEST_PROFILE, ...profile });
  if (send(usim, SELECT_USIM) !== "9000") throw new Error("ADF.USIM not selected");
  return usim;
}

/** AUTHENTICATE in the 3G context, hex, for SQN = seq || ind with 5 bits of IND. */
export function forgeAuthenticate(seq: number, ind: number, rand: string, amf = "8000"): string {
  const sqn = Uint8Array.fromHex((seq * 32 + ind).toString(16).padStart(12, "0"));
  return frameAuthenticate(rand, computeAutn(sqn, rand, amf));
}

/** Flips the lowest bit of the last byte: the MAC's end in an AUTHENTICATE frame. */
export function flipLastBit(hex: string): string {
  const bytes = Uint8Array.fromHex(hex);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  return bytes.toHex();
}

/** `rand` and `autn` in hex. */
export function frameAuthenticate(rand: string, autn: string): string {
  return `008800812210${rand}10${autn}`;
}

/**
 * The objects of a BER-TLV string with one-byte tags and lengths, in order: [tag, value] in hex.
 */
export function parseTlvs(hex: string): [string, string][] {
  const tlvs: [string, string][] = [];
  let rest = hex;
  while (rest !== "") {
    const end = 4 + 2 * Number.parseInt(rest.slice(2, 4), 16);
    const value = rest.slice(4, end);
    const tag = rest.slice(0, 2);
    const again = encodeTlv(Number.parseInt(tag, 16), Uint8Array.fromHex(value)).toHex();
    if (again !== rest.slice(0, end)) throw new Error(`no TLV: ${rest}`);
    tlvs.push([tag, value]);
    rest = rest.slice(end);
  }
  return tlvs;
}

/** mulberry32: a seeded generator of 32-bit numbers, so that a failure can be repeated. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** One change of a frame: a bit, a byte, cut, grown, P3, or two halves of different commands. */
export function mutateFrame(
  random: () => number,
  frame: Uint8Array,
  other: Uint8Array,
): Uint8Array {
  const at = random() % frame.length;
  const changed = frame.slice();
  switch (random() % 6) {
    case 0:
      changed[at] = (changed[at] ?? 0) ^ (1 << (random() & 7));
      return changed;
    case 1:
      changed[at] = random() & 0xff;
      return changed;
    case 2:
      return frame.slice(0, at);
    case 3:
      return new Uint8Array([...frame, ...randomBytes(random, 1 + (random() % 4))]);
    case 4:
      changed[4] = random() & 0xff;
      return changed;
    default:
      return new Uint8Array([...frame.slice(0, at), ...other.slice(at)]);
  }
}

/** `length` bytes from a seeded generator. */
export function randomBytes(random: () => number, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random() & 0xff);
}

function computeAutn(sqn: Uint8Array, rand: string, amf: string): string {
  const randBytes = Uint8Array.fromHex(rand);
  const mac = f1(TEST_KEYS, randBytes, sqn, Uint8Array.fromHex(amf));
  return `${xorBytes(sqn, f5(TEST_KEYS, randBytes)).toHex()}${amf}${mac.toHex()}`;
}
