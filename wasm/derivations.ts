// Keys derived from CK and IK: HMAC-SHA-256, the KDF of TS 33.220 annex B.2 with the inputs of TS 33.501
// annex A, TS 33.401 annex A and TS 33.402 annex A, and PRF' of EAP-AKA' (RFC 9048 section 3.4).
//
//   derived key = HMAC-SHA-256(Key, FC || P0 || L0 || P1 || L1 || ...)     Li in 2 bytes

import { arenaPart, askWithMessage, coreExports, requireBytes } from "./core.ts";
import { CoreInputError, requireBytesWithin, requireNumber } from "./core.ts";
import type { Field } from "./core.ts";
import { sha256 } from "./index.ts";

const BLOCK_BYTES = 64; // of SHA-256: the longest key used as it is
const DIGEST_BYTES = 32;
const KEY_BYTES = 16; // CK, IK
const RAND_BYTES = 16;
const SQN_BYTES = 6;
const RES_BYTES_MIN = 4;
const RES_BYTES_MAX = 16;
const RES_STAR_BYTES = 16;
const ANCHOR_BYTES = 32; // KAUSF, KSEAF, KAMF
const ABBA_BYTES_MIN = 2;
const NAME_BYTES_MAX = 256; // a serving network name has 32
const PLMN_BYTES = 3;
const NAS_COUNT_BYTES = 4;
const ACCESS_TYPES = [1, 2]; // TS 33.501 annex A.9
const MESSAGE_BYTES_MAX = 16_384 - BLOCK_BYTES;

/** Function codes: TS 33.501 annex A.1, TS 33.402 annex A.2, TS 33.401 annex A.2. */
const FC = {
  kasme: 0x10,
  ckIkPrime: 0x20,
  kausf: 0x6a,
  resStar: 0x6b,
  kseaf: 0x6c,
  kamf: 0x6d,
  kgnb: 0x6e,
};

const PRF_LABEL = "EAP-AKA'"; // RFC 9048 section 3.3
const PRF_BYTES = 208; // K_encr 16 | K_aut 32 | K_re 32 | MSK 64 | EMSK 64
const EAP_KEY_BYTES = 32; // IK' | CK'

interface DerivationExports {
  readonly OUTPUT: WebAssembly.Global;
  readonly hmacSha256: (byteCount: number) => void;
}

const core = coreExports<DerivationExports>("OUTPUT", "hmacSha256");
const output = arenaPart(core.OUTPUT, DIGEST_BYTES);

/** Parts one after the other from `start`, and where they end. */
function layOut(parts: readonly Uint8Array[], start: number): { fields: Field[]; end: number } {
  let end = start;
  const fields = parts.map((part): Field => {
    const offset = end;
    end += part.length;
    return [offset, part];
  });
  return { fields, end };
}

/** HMAC with the key in parts of REQUEST and the text in parts, both in order. */
function hmac(key: readonly Uint8Array[], text: readonly Uint8Array[]): Uint8Array {
  const { fields } = layOut(key, 0);
  const message = layOut(text, BLOCK_BYTES);
  // The call overwrites the room before the text and 32 bytes of it: both are cleared with these.
  const room: Field = [0, new Uint8Array(BLOCK_BYTES + DIGEST_BYTES)];
  return askWithMessage(fields, [room, ...message.fields], () => {
    try {
      core.hmacSha256(message.end - BLOCK_BYTES);
      return output.slice();
    } finally {
      output.fill(0);
    }
  });
}

/**
 * HMAC-SHA-256, FIPS 198-1, in constant time.
 * @param key any number of bytes; one longer than 64 is hashed first
 * @param data up to 16,320 bytes
 * @returns 32 bytes
 * @throws CoreInputError for a longer text
 */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  requireBytes("key", key);
  requireBytesWithin("data", data, 0, MESSAGE_BYTES_MAX);
  return hmac([key.length > BLOCK_BYTES ? sha256(key) : key], [data]);
}

/** A text of ASCII characters as an argument: a network name, an identity. */
function encodeText(argument: string, text: string): Uint8Array {
  if (typeof text !== "string" || text.length === 0 || text.length > NAME_BYTES_MAX) {
    throw new CoreInputError(argument, `a string of 1 to ${NAME_BYTES_MAX} characters`);
  }
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > NAME_BYTES_MAX) {
    throw new CoreInputError(argument, `a string of 1 to ${NAME_BYTES_MAX} bytes`);
  }
  return bytes;
}

/** FC || P0 || L0 || P1 || L1 ..., TS 33.220 annex B.2.1. */
function kdf(
  key: readonly Uint8Array[],
  functionCode: number,
  parameters: readonly Uint8Array[],
): Uint8Array {
  const parts = parameters.flatMap((p) => [p, Uint8Array.of(p.length >> 8, p.length & 0xff)]);
  return hmac(key, [Uint8Array.of(functionCode), ...parts]);
}

function requireCkIk(ck: Uint8Array, ik: Uint8Array): void {
  requireBytes("ck", ck, KEY_BYTES);
  requireBytes("ik", ik, KEY_BYTES);
}

/**
 * RES* or XRES*, TS 33.501 annex A.4.
 * @param ck, ik, rand 16 bytes each
 * @param res 4 to 16 bytes
 * @param servingNetworkName "5G:mnc001.mcc001.3gppnetwork.org"
 * @returns 16 bytes
 * @throws CoreInputError for another length
 */
export function deriveResStar(
  ck: Uint8Array,
  ik: Uint8Array,
  servingNetworkName: string,
  rand: Uint8Array,
  res: Uint8Array,
): Uint8Array {
  requireCkIk(ck, ik);
  const name = encodeText("servingNetworkName", servingNetworkName);
  requireBytes("rand", rand, RAND_BYTES);
  requireBytesWithin("res", res, RES_BYTES_MIN, RES_BYTES_MAX);
  return kdf([ck, ik], FC.resStar, [name, rand, res]).slice(-RES_STAR_BYTES);
}

/**
 * HRES* or HXRES*, TS 33.501 annex A.5: the last 128 bits of SHA-256(RAND || XRES*).
 * @param rand, xresStar 16 bytes each
 * @returns 16 bytes
 * @throws CoreInputError for another length
 */
export function deriveHxresStar(rand: Uint8Array, xresStar: Uint8Array): Uint8Array {
  requireBytes("rand", rand, RAND_BYTES);
  requireBytes("xresStar", xresStar, RES_STAR_BYTES);
  const message = new Uint8Array(RAND_BYTES + RES_STAR_BYTES);
  message.set(rand);
  message.set(xresStar, RAND_BYTES);
  return sha256(message).slice(-RES_STAR_BYTES);
}

/**
 * KAUSF of 5G AKA, TS 33.501 annex A.2.
 * @param ck, ik 16 bytes each
 * @param servingNetworkName as for deriveResStar
 * @param sqnXorAk 6 bytes, the beginning of AUTN
 * @returns 32 bytes
 * @throws CoreInputError for another length
 */
export function deriveKausf(
  ck: Uint8Array,
  ik: Uint8Array,
  servingNetworkName: string,
  sqnXorAk: Uint8Array,
): Uint8Array {
  requireCkIk(ck, ik);
  const name = encodeText("servingNetworkName", servingNetworkName);
  requireBytes("sqnXorAk", sqnXorAk, SQN_BYTES);
  return kdf([ck, ik], FC.kausf, [name, sqnXorAk]);
}

/**
 * KSEAF, TS 33.501 annex A.6.
 * @param kausf 32 bytes
 * @param servingNetworkName as for deriveResStar
 * @returns 32 bytes
 * @throws CoreInputError for another length
 */
export function deriveKseaf(kausf: Uint8Array, servingNetworkName: string): Uint8Array {
  requireBytes("kausf", kausf, ANCHOR_BYTES);
  return kdf([kausf], FC.kseaf, [encodeText("servingNetworkName", servingNetworkName)]);
}

/**
 * KAMF, TS 33.501 annex A.7.0.
 * @param kseaf 32 bytes
 * @param supi for an IMSI its digits
 * @param abba at least 2 bytes
 * @returns 32 bytes
 * @throws CoreInputError for another length
 */
export function deriveKamf(kseaf: Uint8Array, supi: string, abba: Uint8Array): Uint8Array {
  requireBytes("kseaf", kseaf, ANCHOR_BYTES);
  const identity = encodeText("supi", supi);
  requireBytesWithin("abba", abba, ABBA_BYTES_MIN, NAME_BYTES_MAX);
  return kdf([kseaf], FC.kamf, [identity, abba]);
}

/**
 * KgNB, TS 33.501 annex A.9.
 * @param kamf 32 bytes
 * @param uplinkNasCount 4 bytes
 * @param accessType 1 for 3GPP access, 2 for another
 * @returns 32 bytes
 * @throws CoreInputError for another length or number
 */
export function deriveKgnb(
  kamf: Uint8Array,
  uplinkNasCount: Uint8Array,
  accessType: number,
): Uint8Array {
  requireBytes("kamf", kamf, ANCHOR_BYTES);
  requireBytes("uplinkNasCount", uplinkNasCount, NAS_COUNT_BYTES);
  requireNumber("accessType", accessType, ACCESS_TYPES);
  return kdf([kamf], FC.kgnb, [uplinkNasCount, Uint8Array.of(accessType)]);
}

/**
 * KASME, TS 33.401 annex A.2.
 * @param ck, ik 16 bytes each
 * @param plmn 3 bytes, the serving network as TS 24.301 codes it
 * @param sqnXorAk 6 bytes
 * @returns 32 bytes
 * @throws CoreInputError for another length
 */
export function deriveKasme(
  ck: Uint8Array,
  ik: Uint8Array,
  plmn: Uint8Array,
  sqnXorAk: Uint8Array,
): Uint8Array {
  requireCkIk(ck, ik);
  requireBytes("plmn", plmn, PLMN_BYTES);
  requireBytes("sqnXorAk", sqnXorAk, SQN_BYTES);
  return kdf([ck, ik], FC.kasme, [plmn, sqnXorAk]);
}

/**
 * CK' and IK', TS 33.402 annex A.2, TS 33.501 annex A.3.
 * @param ck, ik 16 bytes each
 * @param networkName the access network identity: "WLAN", or a serving network name
 * @param sqnXorAk 6 bytes
 * @returns 16 bytes each
 * @throws CoreInputError for another length
 */
export function deriveCkIkPrime(
  ck: Uint8Array,
  ik: Uint8Array,
  networkName: string,
  sqnXorAk: Uint8Array,
): { ckPrime: Uint8Array; ikPrime: Uint8Array } {
  requireCkIk(ck, ik);
  const name = encodeText("networkName", networkName);
  requireBytes("sqnXorAk", sqnXorAk, SQN_BYTES);
  const keys = kdf([ck, ik], FC.ckIkPrime, [name, sqnXorAk]);
  return { ckPrime: keys.slice(0, KEY_BYTES), ikPrime: keys.slice(KEY_BYTES) };
}

/** Keys of EAP-AKA', RFC 9048 section 3.3. */
export interface EapAkaPrimeKeys {
  kEncr: Uint8Array; // 16 bytes
  kAut: Uint8Array; // 32 bytes
  kRe: Uint8Array; // 32 bytes
  msk: Uint8Array; // 64 bytes
  emsk: Uint8Array; // 64 bytes; its first 32 are KAUSF (TS 33.501 annex F)
}

/**
 * MK = PRF'(IK' | CK', "EAP-AKA'" | Identity), RFC 9048 sections 3.3 and 3.4.1:
 * T1 = HMAC(K, S | 01), Tn = HMAC(K, Tn-1 | S | n).
 * @param ckPrime, ikPrime 16 bytes each
 * @param identity of the peer
 * @throws CoreInputError for another length
 */
export function deriveEapAkaPrimeKeys(
  ckPrime: Uint8Array,
  ikPrime: Uint8Array,
  identity: string,
): EapAkaPrimeKeys {
  requireBytes("ckPrime", ckPrime, EAP_KEY_BYTES / 2);
  requireBytes("ikPrime", ikPrime, EAP_KEY_BYTES / 2);
  const seed = encodeText("identity", identity);
  const label = new TextEncoder().encode(PRF_LABEL);
  const key = new Uint8Array(Math.ceil(PRF_BYTES / DIGEST_BYTES) * DIGEST_BYTES);
  let previous = new Uint8Array(0);
  for (let start = 0; start < PRF_BYTES; start += DIGEST_BYTES) {
    const counter = Uint8Array.of(start / DIGEST_BYTES + 1);
    key.set(hmac([ikPrime, ckPrime], [previous, label, seed, counter]), start);
    previous = key.subarray(start, start + DIGEST_BYTES);
  }
  const keys = {
    kEncr: key.slice(0, 16),
    kAut: key.slice(16, 48),
    kRe: key.slice(48, 80),
    msk: key.slice(80, 144),
    emsk: key.slice(144, PRF_BYTES),
  };
  key.fill(0);
  return keys;
}
