/** READ BINARY and READ RECORD (TS 102 221 sections 11.1.3 and 11.1.5). */
import { SW, SW_WRONG_LE, respond, respondExactly } from "./apdu.ts";
import type { CommandApdu } from "./apdu.ts";
import { isPinSatisfied } from "./card.ts";
import type { Card } from "./card.ts";
import { readCondition } from "./file-system.ts";
import type { ElementaryFile } from "./file-system.ts";

/** P1 bit 8: the lower five bits are an SFI and P2 alone is the offset. */
const P1_SFI_FLAG = 0x80;
/** P1 bits 7 and 6, zero when bit 8 is set. */
const P1_SFI_RFU = 0x60;
const SFI_MASK = 0x1f;
/** P2 bits 3 to 1 of READ RECORD: absolute mode. */
const MODE_ABSOLUTE = 0b100;
const MODE_MASK = 0b111;
/** Le = 00 in a short APDU. */
const LE_MAX = 256;

/** Returns Le bytes from the offset, or 6Cxx with what is left when Le goes beyond the end. */
export function readBinary(card: Card, apdu: CommandApdu): Uint8Array {
  const bySfi = (apdu.p1 & P1_SFI_FLAG) !== 0;
  if (bySfi && (apdu.p1 & P1_SFI_RFU) !== 0) return respond(SW.wrongP1P2);
  const file = bySfi ? findBySfi(card, apdu.p1 & SFI_MASK) : card.session.currentEf;
  if (file === undefined) return respond(bySfi ? SW.fileNotFound : SW.noEfSelected);
  if (file.content.structure !== "transparent") return respond(SW.incompatibleWithFileStructure);
  if (!isReadable(card, file)) return respond(SW.securityStatusNotSatisfied);
  const { bytes } = file.content;
  const offset = bySfi ? apdu.p2 : (apdu.p1 << 8) | apdu.p2;
  if (offset >= bytes.length) return respond(SW.offsetOutsideEf);
  card.session.currentEf = file;
  const le = apdu.p3 === 0 ? LE_MAX : apdu.p3;
  if (le > bytes.length - offset) return respond(SW_WRONG_LE | (bytes.length - offset));
  return respond(SW.ok, bytes.subarray(offset, offset + le));
}

/**
 * Absolute mode only, records counted from 1; Le is the record length. The card keeps no record
 * pointer, so "next", "previous" (6A86) and the current record, number 0 (6A83), do not exist.
 */
export function readRecord(card: Card, apdu: CommandApdu): Uint8Array {
  if ((apdu.p2 & MODE_MASK) !== MODE_ABSOLUTE) return respond(SW.wrongP1P2);
  const sfi = apdu.p2 >> 3;
  const file = sfi === 0 ? card.session.currentEf : findBySfi(card, sfi);
  if (file === undefined) return respond(sfi === 0 ? SW.noEfSelected : SW.fileNotFound);
  if (file.content.structure !== "linear-fixed") return respond(SW.incompatibleWithFileStructure);
  if (!isReadable(card, file)) return respond(SW.securityStatusNotSatisfied);
  const record = file.content.records[apdu.p1 - 1];
  if (record === undefined) return respond(SW.recordNotFound);
  card.session.currentEf = file;
  return respondExactly(apdu.p3, record);
}

/** SFIs are looked up in the current DF only. */
function findBySfi(card: Card, sfi: number): ElementaryFile | undefined {
  return card.session.currentDf.files.find((file) => file.sfi === sfi);
}

function isReadable(card: Card, file: ElementaryFile): boolean {
  const condition = readCondition(file);
  return condition === "always" || (condition === "pin" && isPinSatisfied(card));
}
