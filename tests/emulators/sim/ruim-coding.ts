/** Contents of the files in DF_CDMA (3GPP2 C.S0023 section 3.4), and IMSI_S as C.S0005 codes it. */

const IMSI_M_PROGRAMMED = 0x80;
/** Class 0: an IMSI of 15 digits; class 1: a shorter one. */
const IMSI_CLASS_0 = 0x00;
const IMSI_CLASS_1 = 0x01;
const IMSI_DIGITS = 15;
const MCC_DIGITS = 3;
/** The NMSI is what follows the MCC; IMSI_S and IMSI_11_12 hold twelve digits of it. */
const NMSI_DIGITS = 12;
const NMSI_DIGITS_MIN = 4;
const RUIM_ID_BYTES = 8;

/**
 * EF_IMSI_M, 10 bytes (section 3.4.2, C.S0065 section 5.2.2), numbers with the lowest byte first:
 * class, IMSI_S2 (2), IMSI_S1 (3), IMSI_11_12, "programmed" and IMSI_ADDR_NUM, MCC (2).
 * `imsi` is 7 to 15 digits.
 */
export function encodeImsiM(imsi: string): Uint8Array {
  if (!/^\d{7,15}$/u.test(imsi)) throw new Error("imsi must be 7 to 15 digits");
  const isClass0 = imsi.length === IMSI_DIGITS;
  const nmsiDigits = imsi.length - MCC_DIGITS;
  const addrNum = isClass0 ? 0 : nmsiDigits - NMSI_DIGITS_MIN;
  const mcc = encodeThreeDigits(imsi.slice(0, MCC_DIGITS));
  const s2 = encodeImsiS2(imsi);
  const [high, middle, low] = encodeImsiS1(imsi);
  return Uint8Array.of(
    isClass0 ? IMSI_CLASS_0 : IMSI_CLASS_1,
    s2 & 0xff,
    s2 >> 8,
    low ?? 0,
    middle ?? 0,
    high ?? 0,
    encodeTwoDigits(lastTwelve(imsi).slice(0, 2)),
    IMSI_M_PROGRAMMED | addrNum,
    mcc & 0xff,
    mcc >> 8,
  );
}

/** IMSI_S1, 24 bits in 3 bytes, big-endian: the last seven digits (C.S0005 section 2.3.1.1). */
export function encodeImsiS1(imsi: string): Uint8Array {
  const digits = lastTwelve(imsi).slice(-7);
  const second = encodeThreeDigits(digits.slice(0, 3));
  const thousands = digitValue(digits.slice(3, 4));
  const last = encodeThreeDigits(digits.slice(4));
  const value = (second << 14) | (thousands << 10) | last;
  return Uint8Array.of(value >> 16, (value >> 8) & 0xff, value & 0xff);
}

/** EF_RUIM_ID, 8 bytes (section 3.4.16): how many bytes follow, then they, the lowest first. */
export function encodeRuimId(uimId: Uint8Array): Uint8Array {
  const file = new Uint8Array(RUIM_ID_BYTES).fill(0xff);
  file.set([uimId.length, ...uimId.toReversed()]);
  return file;
}

/** EF_USGIND, 1 byte: bit 1, the UIM_ID is used in place of the ESN. */
export function encodeUsageIndicator(): Uint8Array {
  return Uint8Array.of(0x01);
}

/** IMSI_S2, 10 bits: the three digits before the last seven. */
function encodeImsiS2(imsi: string): number {
  return encodeThreeDigits(lastTwelve(imsi).slice(2, 5));
}

function lastTwelve(imsi: string): string {
  return imsi.slice(-NMSI_DIGITS).padStart(NMSI_DIGITS, "0");
}

/** 100 D1 + 10 D2 + D3 - 111, where the digit 0 counts ten. */
function encodeThreeDigits(digits: string): number {
  const [d1, d2, d3] = digits.split("").map((digit) => digitValue(digit));
  return 100 * (d1 ?? 0) + 10 * (d2 ?? 0) + (d3 ?? 0) - 111;
}

/** 10 D12 + D11 - 11, where the digit 0 counts ten. */
function encodeTwoDigits(digits: string): number {
  const [d12, d11] = digits.split("").map((digit) => digitValue(digit));
  return 10 * (d12 ?? 0) + (d11 ?? 0) - 11;
}

function digitValue(digit: string): number {
  return digit === "0" ? 10 : Number(digit);
}
