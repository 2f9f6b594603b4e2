/**
 * Contents of elementary files: TS 31.102 section 4.2 (ADF.USIM) and ETSI TS 102 221 section 13
 * (MF). Digits are in BCD with the nibbles of each byte swapped and F as filler.
 */

const ICCID_BYTES = 10;
const IMSI_BYTES = 9;
const SPN_NAME_BYTES = 16;
const DIR_RECORD_BYTES = 43;
/** 136 services, room for all of Release 17. */
const UST_BYTES = 17;
/** Room for 40 services. */
const SERVICE_PAIRS_BYTES = 10;
const PARITY_ODD_DIGITS = 0x9;
const PARITY_EVEN_DIGITS = 0x1;

/** EF_ICCID, 10 bytes (TS 102 221 section 13.2); 18 to 20 digits. */
export function encodeIccid(iccid: string): Uint8Array {
  if (!/^\d{18,20}$/u.test(iccid)) throw new Error("iccid must be 18 to 20 digits");
  return padBytes(encodeDigits(iccid), ICCID_BYTES);
}

/** EF_IMSI, 9 bytes (TS 31.102 section 4.2.2): length, parity nibble before the first digit. */
export function encodeImsi(imsi: string): Uint8Array {
  if (!/^\d{6,15}$/u.test(imsi)) throw new Error("imsi must be 6 to 15 digits");
  const parity = imsi.length % 2 === 1 ? PARITY_ODD_DIGITS : PARITY_EVEN_DIGITS;
  const coded = encodeDigits(`${parity}${imsi}`);
  return padBytes(new Uint8Array([coded.length, ...coded]), IMSI_BYTES);
}

/** PLMN, 3 bytes (TS 24.008 section 10.5.1.13): MCC2 MCC1, MNC3 (or F) MCC3, MNC2 MNC1. */
export function encodePlmn(imsi: string, mncLength: 2 | 3): Uint8Array {
  const mcc = imsi.slice(0, 3);
  const mnc = imsi.slice(3, 3 + mncLength).padEnd(3, "f");
  return encodeDigits(`${mcc}${mnc.slice(2)}${mnc.slice(0, 2)}`);
}

/** EF_AD, 4 bytes (section 4.2.18): normal operation, no additional information, MNC length. */
export function encodeAdministrativeData(mncLength: 2 | 3): Uint8Array {
  return new Uint8Array([0x00, 0x00, 0x00, mncLength]);
}

/** EF_UST (section 4.2.8): byte (n - 1) / 8, bit (n - 1) mod 8 from the lowest, for service n. */
export function encodeServiceTable(services: readonly number[]): Uint8Array {
  const table = new Uint8Array(UST_BYTES);
  for (const service of services) {
    const index = (service - 1) >> 3;
    table[index] = (table[index] ?? 0) | (1 << ((service - 1) & 7));
  }
  return table;
}

/**
 * EF_SST (TS 51.011 section 10.3.7) and EF_CST (C.S0023): two bits a service, allocated and
 * activated, service 1 in the lowest of the first byte.
 */
export function encodeServicePairs(services: readonly number[]): Uint8Array {
  const table = new Uint8Array(SERVICE_PAIRS_BYTES);
  for (const service of services) {
    const index = (service - 1) >> 2;
    table[index] = (table[index] ?? 0) | (0b11 << (2 * ((service - 1) & 3)));
  }
  return table;
}

/** EF_ACC, 2 bytes (section 4.2.15): bit n for class n, here the last digit of the IMSI. */
export function encodeAccessControlClass(imsi: string): Uint8Array {
  const classes = 1 << Number(imsi.slice(-1));
  return new Uint8Array([classes >> 8, classes & 0xff]);
}

/** EF_LOCI, 11 bytes (section 4.2.17): TMSI, LAI, RFU, status 01 "not updated". */
export function encodeInitialLoci(plmn: Uint8Array): Uint8Array {
  return new Uint8Array([...fillBytes(4), ...plmn, 0x00, 0x00, 0xff, 0x01]);
}

/** EF_PSLOCI, 14 bytes (section 4.2.23): P-TMSI, its signature, RAI, status 01 "not updated". */
export function encodeInitialPsLoci(plmn: Uint8Array): Uint8Array {
  return new Uint8Array([...fillBytes(7), ...plmn, 0x00, 0x00, 0xff, 0x01]);
}

/** EF_Keys and EF_KeysPS, 33 bytes (sections 4.2.3, 4.2.4): KSI 7 is "no key", then CK and IK. */
export function encodeInitialKeys(): Uint8Array {
  return new Uint8Array([0x07, ...fillBytes(32)]);
}

/** EF_Kc, 9 bytes (TS 51.011 section 10.3.3): Kc, then the key sequence number, 7 for "no key". */
export function encodeInitialKc(): Uint8Array {
  return new Uint8Array([...fillBytes(8), 0x07]);
}

/** EF_SPN, 17 bytes (section 4.2.12): display condition, then the name in the GSM alphabet. */
export function encodeServiceProviderName(spn: string | undefined): Uint8Array {
  if (spn === undefined) return new Uint8Array([0x00, ...fillBytes(SPN_NAME_BYTES)]);
  // Letters, digits and space have the same code in ASCII and in the GSM 7-bit default alphabet.
  if (!/^[A-Za-z0-9 ]{1,16}$/u.test(spn)) throw new Error("spn must be 1 to 16 letters or digits");
  return padBytes(new Uint8Array([0x01, ...encodeAscii(spn)]), SPN_NAME_BYTES + 1);
}

/** EF_ECC record (section 4.2.21): 3 bytes of digits, no alpha identifier, service category 00. */
export function encodeEmergencyCallCode(digits: string): Uint8Array {
  return new Uint8Array([...padBytes(encodeDigits(digits), 3), 0x00]);
}

/** EF_DIR record, 43 bytes (TS 102 221 section 13.1): 61 { 4F AID, 50 label }, FF filler. */
export function encodeDirRecord(aid: Uint8Array, label: string): Uint8Array {
  const template = [...encodeTlv(0x4f, aid), ...encodeTlv(0x50, encodeAscii(label))];
  return padBytes(encodeTlv(0x61, template), DIR_RECORD_BYTES);
}

/** Tag and length of one byte each; `value` is shorter than 128 bytes. */
export function encodeTlv(tag: number, value: Iterable<number>): Uint8Array {
  const bytes = [...value];
  return new Uint8Array([tag, bytes.length, ...bytes]);
}

/** `bytes` followed by FF up to `length`. */
export function padBytes(bytes: Uint8Array, length: number): Uint8Array {
  return new Uint8Array([...bytes, ...fillBytes(length - bytes.length)]);
}

/** `length` bytes FF. */
export function fillBytes(length: number): Uint8Array {
  return new Uint8Array(length).fill(0xff);
}

/** ASCII letters and digits to bytes. */
export function encodeAscii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function encodeDigits(digits: string): Uint8Array {
  const padded = digits.length % 2 === 1 ? `${digits}f` : digits;
  return Uint8Array.fromHex(padded.replaceAll(/(.)(.)/gu, "$2$1"));
}
