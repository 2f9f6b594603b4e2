/**
 * IMSI_S1, the AUTHDATA of CAVE: the last seven digits of the IMSI, zeros before a shorter one, in
 * 24 bits (C.S0005, 2.3.1).
 */
import type { Bytes } from "#protocol/bytes";

const IMSI_S1_DIGITS = 7;
const IMSI_S1_BYTES = 3;
/** A zero digit counts as ten; 111 makes the smallest group zero. */
const GROUP_OFFSET = 111;

/** 3 bytes: three digits in 10 bits, the thousands digit in 4, three digits in 10. */
export function encodeImsiS1(imsi: string): Bytes {
  const last = imsi.slice(-IMSI_S1_DIGITS).padStart(IMSI_S1_DIGITS, "0");
  const digits = Array.from(last, (digit) => (digit === "0" ? 10 : Number(digit)));
  const group = (start: number): number => {
    const [hundreds = 0, tens = 0, ones = 0] = digits.slice(start, start + 3);
    return 100 * hundreds + 10 * tens + ones - GROUP_OFFSET;
  };
  const value = (group(0) << 14) | ((digits[3] ?? 0) << 10) | group(4);
  const out = new Uint8Array(IMSI_S1_BYTES);
  for (let i = 0; i < IMSI_S1_BYTES; i++) out[i] = (value >> (16 - 8 * i)) & 0xff;
  return out;
}
