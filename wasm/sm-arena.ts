// What sm3.ts, block-modes.ts, sm2.ts, ecdh.ts and prepared-keys.ts share: their exports of the core
// and their part of the arena. Only those files import it.

import { arenaPart, coreExports, MESSAGE_CHUNK_BYTES, messageChunk } from "./core.ts";

const SM_INPUT_BYTES = 192;
const SM_OUTPUT_BYTES = 96;
export const KEY_TABLE_BYTES = 8192;

/** Calls answer 0, 1 or nothing; layouts are in wasm/assembly/arena-sm.ts and at each function. */
interface SmExports {
  readonly memory: WebAssembly.Memory;
  readonly SM_INPUT: WebAssembly.Global;
  readonly SM_OUTPUT: WebAssembly.Global;
  readonly KEY_TABLE: WebAssembly.Global;
  readonly sm3Start: () => void;
  readonly sm3Update: (byteCount: number) => void;
  readonly sm3Finish: (byteCount: number) => void;
  readonly sm3Wipe: () => void;
  readonly hmacSm3Start: (keyBytes: number) => void;
  readonly hmacSm3Finish: (byteCount: number) => void;
  readonly cipherStart: (isSm4: number) => void;
  readonly cipherBlock: () => void;
  readonly cipherWipe: () => void;
  readonly decryptBlockSm4: () => void;
  readonly ctrCrypt: (byteCount: number) => void;
  readonly cbcMac: (byteCount: number) => void;
  readonly cmacFinish: (byteCount: number) => void;
  readonly ccmStart: () => void;
  readonly ccmTag: () => void;
  readonly gcmStart: () => void;
  readonly ghash: (byteCount: number) => void;
  readonly ghashLengths: (first: number, second: number) => void;
  readonly gcmCounterFromIv: () => void;
  readonly gcmCounterFromHash: () => void;
  readonly gcmTag: () => void;
  readonly gcmWipe: () => void;
  readonly isTagEqual: (byteCount: number) => number;
  readonly sha256Start: () => void;
  readonly sha256Update: (byteCount: number) => void;
  readonly sha256Finish: (byteCount: number) => void;
  readonly prepareKey: (isSm2: number) => number;
  readonly verifyP256Prepared: () => number;
  readonly isSm2Point: () => number;
  readonly sm2StartMessage: (idBytes: number) => void;
  readonly verifySm2: (byteCount: number) => number;
  readonly verifySm2Prepared: (byteCount: number) => number;
  readonly signSm2: (byteCount: number, entropyBytes: number) => number;
  readonly signSm2WithNonce: (byteCount: number) => number;
  readonly p256PublicKey: () => number;
  readonly p256SharedPoint: () => number;
  readonly sm2PublicKey: () => number;
  readonly sm2SharedPoint: () => number;
}

export const core = coreExports<SmExports>(
  "memory",
  "SM_INPUT",
  "SM_OUTPUT",
  "KEY_TABLE",
  "sm3Start",
  "sm3Update",
  "sm3Finish",
  "sm3Wipe",
  "hmacSm3Start",
  "hmacSm3Finish",
  "cipherStart",
  "cipherBlock",
  "cipherWipe",
  "decryptBlockSm4",
  "ctrCrypt",
  "cbcMac",
  "cmacFinish",
  "ccmStart",
  "ccmTag",
  "gcmStart",
  "ghash",
  "ghashLengths",
  "gcmCounterFromIv",
  "gcmCounterFromHash",
  "gcmTag",
  "gcmWipe",
  "isTagEqual",
  "sha256Start",
  "sha256Update",
  "sha256Finish",
  "prepareKey",
  "verifyP256Prepared",
  "isSm2Point",
  "sm2StartMessage",
  "verifySm2",
  "verifySm2Prepared",
  "signSm2",
  "signSm2WithNonce",
  "p256PublicKey",
  "p256SharedPoint",
  "sm2PublicKey",
  "sm2SharedPoint",
);

export const input = arenaPart(core.SM_INPUT, SM_INPUT_BYTES);
export const output = arenaPart(core.SM_OUTPUT, SM_OUTPUT_BYTES);
export const keyTable = arenaPart(core.KEY_TABLE, KEY_TABLE_BYTES);

/** Clears the arena: all short parts, and as much of MESSAGE as data of this length can reach. */
export function clearArena(dataBytes = 0): void {
  input.fill(0);
  output.fill(0);
  // Padding may reach the end of the last block.
  const end = Math.min(MESSAGE_CHUNK_BYTES, dataBytes + 16);
  messageChunk.fill(0, 0, end);
}

/** Puts data into MESSAGE a full chunk at a time; `last` takes the rest, at most a chunk. */
export function feed(
  data: Uint8Array,
  update: (byteCount: number) => void,
  last: (byteCount: number) => void,
): void {
  let offset = 0;
  for (; data.length - offset > MESSAGE_CHUNK_BYTES; offset += MESSAGE_CHUNK_BYTES) {
    messageChunk.set(data.subarray(offset, offset + MESSAGE_CHUNK_BYTES));
    update(MESSAGE_CHUNK_BYTES);
  }
  messageChunk.set(data.subarray(offset));
  last(data.length - offset);
}
