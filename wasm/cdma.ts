// CDMA cards: CAVE (TR45.AHAG Common Cryptographic Algorithms) in constant time, and CHAP (RFC 1994).

import { ask, askWithMessage, coreExports, requireBytes, requireBytesWithin } from "./core.ts";
import type { Field } from "./core.ts";

const AKEY_BYTES = 8;
const SSD_BYTES = 8; // SSD_A or SSD_B
const ESN_BYTES = 4; // or UIMID
const RANDSSD_BYTES = 7;
const RAND_BYTES = 4;
const AUTH_DATA_BYTES = 3; // IMSI_S1, or the last dialled digits
const SIGNATURE_BYTES = 3; // 18 bits, right-aligned
const CMEA_KEY_BYTES = 8;
const VPM_BYTES = 65; // voice privacy mask
const AAV = Uint8Array.of(0xc7); // authentication algorithm version
const DIGEST_BYTES = 16;
const CHAP_IDENTIFIER_BYTES = 1;
const CHAP_VALUE_BYTES_MAX = 255; // RFC 1994 section 4.1: Value-Size has one byte

/** Layout of a request, as wasm/assembly/cave.ts states it. */
const OFFSET = { secret: 0, ssdB: 8, random: 16, authData: 24, aav: 27, esn: 28 };

interface CdmaExports {
  readonly caveAkeyCheck: () => void;
  readonly caveSsd: () => void;
  readonly caveSignature: () => void;
  readonly caveKeys: () => void;
  readonly md5: (byteCount: number) => void;
}

const core = coreExports<CdmaExports>(
  "caveAkeyCheck",
  "caveSsd",
  "caveSignature",
  "caveKeys",
  "md5",
);

/**
 * The checksum that goes with an A-key: six decimal digits, as 18 bits.
 * @param akey 8 bytes
 * @param esn 4 bytes, ESN or UIMID
 * @returns 3 bytes, big-endian
 * @throws CoreInputError for another length
 */
export function caveAkeyChecksum(akey: Uint8Array, esn: Uint8Array): Uint8Array {
  requireBytes("akey", akey, AKEY_BYTES);
  requireBytes("esn", esn, ESN_BYTES);
  const fields: Field[] = [
    [OFFSET.secret, akey],
    [OFFSET.aav, AAV],
    [OFFSET.esn, esn],
  ];
  return ask(fields, (answer) => {
    core.caveAkeyCheck();
    return answer.slice(0, SIGNATURE_BYTES);
  });
}

/** Shared secret data, 8 bytes each. */
export interface SharedSecretData {
  ssdA: Uint8Array; // for authentication
  ssdB: Uint8Array; // for privacy
}

/**
 * Generates SSD from the A-key, as on SSD update.
 * @param akey 8 bytes
 * @param randssd 7 bytes
 * @param esn 4 bytes, ESN or UIMID
 * @throws CoreInputError for another length
 */
export function caveSharedSecretData(
  akey: Uint8Array,
  randssd: Uint8Array,
  esn: Uint8Array,
): SharedSecretData {
  requireBytes("akey", akey, AKEY_BYTES);
  requireBytes("randssd", randssd, RANDSSD_BYTES);
  requireBytes("esn", esn, ESN_BYTES);
  const fields: Field[] = [
    [OFFSET.secret, akey],
    [OFFSET.random, randssd],
    [OFFSET.aav, AAV],
    [OFFSET.esn, esn],
  ];
  return ask(fields, (answer) => {
    core.caveSsd();
    return { ssdA: answer.slice(0, SSD_BYTES), ssdB: answer.slice(SSD_BYTES, 2 * SSD_BYTES) };
  });
}

function signatureFields(
  ssdA: Uint8Array,
  rand: Uint8Array,
  authData: Uint8Array,
  esn: Uint8Array,
): Field[] {
  requireBytes("ssdA", ssdA, SSD_BYTES);
  requireBytes("rand", rand, RAND_BYTES);
  requireBytes("authData", authData, AUTH_DATA_BYTES);
  requireBytes("esn", esn, ESN_BYTES);
  return [
    [OFFSET.secret, ssdA],
    [OFFSET.random, rand],
    [OFFSET.authData, authData],
    [OFFSET.aav, AAV],
    [OFFSET.esn, esn],
  ];
}

/**
 * The signature of CAVE, 18 bits: AUTHR for the broadcast RAND, AUTHU for RANDU 3 || the low 8 bits of
 * IMSI_S2, AUTHBS for RANDBS with the new SSD_A.
 * @param ssdA 8 bytes
 * @param rand 4 bytes
 * @param authData 3 bytes: IMSI_S1, or the last dialled digits
 * @param esn 4 bytes, ESN or UIMID
 * @returns 3 bytes, big-endian
 * @throws CoreInputError for another length
 */
export function caveSignature(
  ssdA: Uint8Array,
  rand: Uint8Array,
  authData: Uint8Array,
  esn: Uint8Array,
): Uint8Array {
  return ask(signatureFields(ssdA, rand, authData, esn), (answer) => {
    core.caveSignature();
    return answer.slice(0, SIGNATURE_BYTES);
  });
}

/** What RUN CAVE leaves for GENERATE KEY/VPM. */
export interface CaveKeys {
  signature: Uint8Array; // 3 bytes
  cmeaKey: Uint8Array; // 8 bytes
  vpm: Uint8Array; // 65 bytes
}

/**
 * The signature, and the keys that follow it from SSD_B.
 * @param ssdB 8 bytes; the others as for caveSignature
 * @throws CoreInputError for another length
 */
export function caveKeys(
  ssdA: Uint8Array,
  ssdB: Uint8Array,
  rand: Uint8Array,
  authData: Uint8Array,
  esn: Uint8Array,
): CaveKeys {
  requireBytes("ssdB", ssdB, SSD_BYTES);
  const fields = signatureFields(ssdA, rand, authData, esn);
  fields.push([OFFSET.ssdB, ssdB]);
  return ask(fields, (answer) => {
    core.caveKeys();
    return {
      signature: answer.slice(0, SIGNATURE_BYTES),
      cmeaKey: answer.slice(8, 8 + CMEA_KEY_BYTES),
      vpm: answer.slice(16, 16 + VPM_BYTES),
    };
  });
}

/**
 * The response of CHAP with MD5, RFC 1994 section 4.1: MD5(identifier || secret || challenge).
 * @param identifier 1 byte
 * @param secret, challenge 1 to 255 bytes each
 * @returns 16 bytes
 * @throws CoreInputError for another length
 */
export function chapResponse(
  identifier: Uint8Array,
  secret: Uint8Array,
  challenge: Uint8Array,
): Uint8Array {
  requireBytes("identifier", identifier, CHAP_IDENTIFIER_BYTES);
  requireBytesWithin("secret", secret, 1, CHAP_VALUE_BYTES_MAX);
  requireBytesWithin("challenge", challenge, 1, CHAP_VALUE_BYTES_MAX);
  const message: Field[] = [
    [0, identifier],
    [1, secret],
    [1 + secret.length, challenge],
  ];
  return askWithMessage([], message, (answer) => {
    core.md5(1 + secret.length + challenge.length);
    return answer.slice(0, DIGEST_BYTES);
  });
}
