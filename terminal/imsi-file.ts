/** EF_IMSI of a SIM and of a USIM (TS 51.011, 10.3.2; TS 31.102, 4.2.2). */
import { IMSI_PATTERN } from "#protocol/identifiers";

export const EF_IMSI_BYTES = 9;

/**
 * EF_IMSI: length, then the parity nibble (9 odd, 1 even) and the digits with nibbles swapped
 * (TS 24.008, 10.5.1.4); what follows the length's bytes is filler. Undefined when it is no IMSI.
 */
export function decodeImsiFile(file: Uint8Array): string | undefined {
  const [length, first] = file;
  if (file.length !== EF_IMSI_BYTES || length === undefined || first === undefined)
    return undefined;
  if (length === 0 || length >= EF_IMSI_BYTES) return undefined;
  const parity = first & 0x0f;
  if (parity !== 0x9 && parity !== 0x1) return undefined;
  let digits = (first >> 4).toString(16);
  for (const byte of file.subarray(2, 1 + length))
    digits += (byte & 0x0f).toString(16) + (byte >> 4).toString(16);
  if (parity === 0x1) {
    if (!digits.endsWith("f")) return undefined;
    digits = digits.slice(0, -1);
  }
  return IMSI_PATTERN.test(digits) ? digits : undefined;
}
