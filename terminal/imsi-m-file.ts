/** EF_IMSI_M of an R-UIM (3GPP2 C.S0023, 3.4.2; coded as C.S0065, 5.2.2 and C.S0005, 2.3.1). */
import { IMSI_PATTERN } from "#protocol/identifiers";

export const EF_IMSI_M_BYTES = 10;
const IMSI_CLASS_MASK = 0x01;
const PROGRAMMED = 0x80;
const ADDR_NUM_MASK = 0x07;
/** An NMSI, what follows the MCC, has twelve digits in class 0 and IMSI_ADDR_NUM + 4 in class 1. */
const NMSI_DIGITS_MAX = 12;
const NMSI_DIGITS_MIN = 4;
const IMSI_11_12_MASK = 0x7f;

/**
 * Numbers with the lowest byte first: class (1 byte), IMSI_S2 (2, of which 10 bits), IMSI_S1 (3),
 * IMSI_11_12 (1), "programmed" in bit 8 and IMSI_ADDR_NUM (1), MCC (2, of which 10 bits). Undefined
 * when it holds no IMSI.
 */
export function decodeImsiMFile(file: Uint8Array): string | undefined {
  if (file.length !== EF_IMSI_M_BYTES || ((file[7] ?? 0) & PROGRAMMED) === 0) return undefined;
  const s1 = (file[3] ?? 0) | ((file[4] ?? 0) << 8) | ((file[5] ?? 0) << 16);
  const groups = [
    decodeDigits(readTenBits(file, 8), 3), // MCC
    decodeDigits((file[6] ?? 0) & IMSI_11_12_MASK, 2),
    decodeDigits(readTenBits(file, 1), 3), // IMSI_S2
    decodeDigits(s1 >> 14, 3),
    decodeThousands((s1 >> 10) & 0x0f),
    decodeDigits(s1 & 0x3ff, 3),
  ];
  if (groups.includes(undefined)) return undefined;
  const [mcc = "", ...rest] = groups;
  const isClass1 = ((file[0] ?? 0) & IMSI_CLASS_MASK) === 1;
  const addrNum = (file[7] ?? 0) & ADDR_NUM_MASK;
  const nmsiDigits = isClass1 ? addrNum + NMSI_DIGITS_MIN : NMSI_DIGITS_MAX;
  const imsi = mcc + rest.join("").slice(-nmsiDigits);
  return IMSI_PATTERN.test(imsi) ? imsi : undefined;
}

function readTenBits(file: Uint8Array, offset: number): number {
  return (file[offset] ?? 0) | (((file[offset + 1] ?? 0) & 0x03) << 8);
}

/**
 * The sum 100 D1 + 10 D2 + D3 - 111, in which the digit 0 counts ten, has in each decimal place one
 * less than the digit; likewise two digits. Undefined when the number has more places.
 */
function decodeDigits(value: number, digits: number): string | undefined {
  const places = value.toString().padStart(digits, "0");
  if (places.length > digits) return undefined;
  return places.replaceAll(/\d/g, (place) => ((Number(place) + 1) % 10).toString());
}

/** The fourth digit of IMSI_S1, alone in four bits: 1 to 10. */
function decodeThousands(value: number): string | undefined {
  return value >= 1 && value <= 10 ? (value % 10).toString() : undefined;
}
