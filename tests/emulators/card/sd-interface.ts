/**
 * The interface of an SD card (docs/protocol.md section 7): short and extended APDUs, whole answers
 * at once, and the blocks of 512 bytes in which both cross.
 */
import { SD_BLOCK_BYTES, SW } from "#protocol/assigned-numbers";
import { type Body, respond } from "./apdu.ts";
import { type Bytes, joinBytes } from "./bytes.ts";

const LENGTH_BYTES = 2;

/** Le, where there is one, must have room for the answer. */
export function answerWhole(data: Bytes, { le }: Body): Bytes {
  if (le === undefined || le >= data.length) return respond(SW.success, data);
  return respond(SW.wrongLe | (data.length > 0xff ? 0 : data.length));
}

/** 2 bytes of length, the APDU, zeros up to a multiple of 512. */
export function writeBlocks(apdu: Uint8Array): Bytes {
  const bytes = LENGTH_BYTES + apdu.length;
  const blocks = new Uint8Array(Math.ceil(bytes / SD_BLOCK_BYTES) * SD_BLOCK_BYTES);
  blocks.set(joinBytes(Uint8Array.of(apdu.length >> 8, apdu.length & 0xff), apdu));
  return blocks;
}

/** The APDU in as many blocks as it needs, filled with zeros; undefined for every other form. */
export function readBlocks(blocks: Uint8Array): Bytes | undefined {
  const [high, low] = blocks;
  if (high === undefined || low === undefined) return undefined;
  const end = LENGTH_BYTES + high * 0x100 + low;
  if (blocks.length !== Math.ceil(end / SD_BLOCK_BYTES) * SD_BLOCK_BYTES) return undefined;
  if (blocks.subarray(end).some((byte) => byte !== 0)) return undefined;
  return Uint8Array.from(blocks.subarray(LENGTH_BYTES, end));
}
