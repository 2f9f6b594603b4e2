// The instance of the core that sm3.ts, block-modes.ts, sm2.ts and prepared-keys.ts share, with a
// memory of its own, and what their functions have in common. Only those files import it.

import { coreModule } from "#wasm/module";
import { CoreInputError } from "./index.ts";

export const MESSAGE_CHUNK_BYTES = 16_384;
const SM_INPUT_BYTES = 192;
const SM_OUTPUT_BYTES = 96;
export const KEY_TABLE_BYTES = 8192;

/** Calls answer 0, 1 or nothing; layouts are in wasm/assembly/arena-sm.ts and at each function. */
interface SmExports {
  readonly memory: WebAssembly.Memory;
  readonly MESSAGE: WebAssembly.Global;
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
  readonly sm2PublicKey: () => number;
  readonly sm2SharedPoint: () => number;
}

function isCore(exports: object): exports is SmExports {
  return "memory" in exports && "sm2SharedPoint" in exports;
}

function instantiate(): SmExports {
  const { exports } = new WebAssembly.Instance(coreModule);
  if (!isCore(exports)) throw new Error('core.wasm is of another version: run "bun install"');
  return exports;
}

export const core = instantiate();

function arenaPart(start: WebAssembly.Global, byteCount: number): Uint8Array {
  return new Uint8Array(core.memory.buffer, Number(start.value), byteCount);
}

// The memory has a fixed size, so these views stay valid.
export const input = arenaPart(core.SM_INPUT, SM_INPUT_BYTES);
export const messageChunk = arenaPart(core.MESSAGE, MESSAGE_CHUNK_BYTES);
export const output = arenaPart(core.SM_OUTPUT, SM_OUTPUT_BYTES);
export const keyTable = arenaPart(core.KEY_TABLE, KEY_TABLE_BYTES);

export function requireBytes(argument: string, value: Uint8Array, byteCount?: number): void {
  if (!(value instanceof Uint8Array)) throw new CoreInputError(argument, "a Uint8Array");
  if (byteCount !== undefined && value.length !== byteCount) {
    throw new CoreInputError(argument, `a Uint8Array of ${byteCount} bytes`);
  }
}

/** As requireBytes, for a length between two bounds. */
export function requireBytesBetween(
  argument: string,
  value: Uint8Array,
  bytesMin: number,
  bytesMax: number,
): void {
  requireBytes(argument, value);
  if (value.length < bytesMin || value.length > bytesMax) {
    throw new CoreInputError(argument, `a Uint8Array of ${bytesMin} to ${bytesMax} bytes`);
  }
}

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
