// What the parts of the facade share: the instance of the core, its arena, and the checks of
// arguments. Only files of wasm/ and the timing test import it; everything else asks the facade.

import { coreModule } from "#wasm/module";

/** Parts of the arena for vector generation, as wasm/assembly/arena-vectors.ts states them. */
const REQUEST_BYTES = 256;
const ANSWER_BYTES = 256;
export const MESSAGE_CHUNK_BYTES = 16_384;

const { exports } = new WebAssembly.Instance(coreModule);

function hasAll<T extends object>(
  candidate: object,
  names: ReadonlyArray<keyof T & string>,
): candidate is T {
  return names.every((name) => name in candidate);
}

/**
 * The exports of the compiled module that a part of the facade calls, each checked to be there.
 * @throws Error if the module was built from other sources
 */
export function coreExports<T extends object>(...names: Array<keyof T & string>): T {
  if (!hasAll<T>(exports, names)) {
    throw new Error('core.wasm is of another version: run "bun install"');
  }
  return exports;
}

interface Arena {
  readonly memory: WebAssembly.Memory;
  readonly REQUEST: WebAssembly.Global;
  readonly ANSWER: WebAssembly.Global;
  readonly MESSAGE: WebAssembly.Global;
}

const arena = coreExports<Arena>("memory", "REQUEST", "ANSWER", "MESSAGE");

/** A view of the arena. The memory has a fixed size, so it stays valid. */
export function arenaPart(start: WebAssembly.Global, byteCount: number): Uint8Array<ArrayBuffer> {
  const { buffer } = arena.memory;
  if (!(buffer instanceof ArrayBuffer)) throw new Error("the core's memory is shared");
  return new Uint8Array(buffer, Number(start.value), byteCount);
}

export const request = arenaPart(arena.REQUEST, REQUEST_BYTES);
export const answer = arenaPart(arena.ANSWER, ANSWER_BYTES);
export const messageChunk = arenaPart(arena.MESSAGE, MESSAGE_CHUNK_BYTES);

/** An argument has the wrong length. The message names the argument and never holds its value. */
export class CoreInputError extends RangeError {
  readonly code = "core_input";
  readonly argument: string;

  constructor(argument: string, requirement: string) {
    super(`${argument} must be ${requirement}`);
    this.name = "CoreInputError";
    this.argument = argument;
  }
}

export function requireBytes(argument: string, value: Uint8Array, byteCount?: number): void {
  if (!(value instanceof Uint8Array)) throw new CoreInputError(argument, "a Uint8Array");
  if (byteCount !== undefined && value.length !== byteCount) {
    throw new CoreInputError(argument, `a Uint8Array of ${byteCount} bytes`);
  }
}

/** For an argument of one of several lengths. */
export function requireBytesOf(
  argument: string,
  value: Uint8Array,
  byteCounts: readonly number[],
): void {
  requireBytes(argument, value);
  if (!byteCounts.includes(value.length)) {
    throw new CoreInputError(argument, `a Uint8Array of ${byteCounts.join(" or ")} bytes`);
  }
}

/** For an argument of any length between two. */
export function requireBytesWithin(
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

/** For a number that must be one of a few, or an integer between two. */
export function requireNumber(
  argument: string,
  value: number,
  allowed: readonly number[] | { min: number; max: number },
): void {
  if ("min" in allowed) {
    if (Number.isInteger(value) && value >= allowed.min && value <= allowed.max) return;
    throw new CoreInputError(argument, `an integer from ${allowed.min} to ${allowed.max}`);
  }
  if (!allowed.includes(value)) throw new CoreInputError(argument, allowed.join(" or "));
}

/**
 * Copies bytes to a place of the arena. For the few bytes of a key or a challenge a loop takes a
 * third of the time of `set`, and `take` a quarter of that of `slice`.
 */
export function put(target: Uint8Array, bytes: Uint8Array, offset: number): void {
  for (let index = 0; index < bytes.length; index += 1) target[offset + index] = bytes[index] ?? 0;
}

/** A copy of the bytes from `start` up to `end`. */
export function take(source: Uint8Array, start: number, end: number): Uint8Array {
  const bytes = new Uint8Array(end - start);
  for (let index = 0; index < bytes.length; index += 1) bytes[index] = source[start + index] ?? 0;
  return bytes;
}

/** One field of a request: where it stands in REQUEST, and its bytes. */
export type Field = readonly [offset: number, bytes: Uint8Array];

export function clearRequest(): void {
  request.fill(0);
  answer.fill(0);
}

/**
 * Writes a request whose lengths were checked, runs a call, and clears the arena, also when
 * something throws.
 * @param read makes the call and copies the answer out
 */
export function ask<T>(fields: readonly Field[], read: (answer: Uint8Array) => T): T {
  try {
    for (const field of fields) put(request, field[1], field[0]); // destructuring costs 60 ns
    return read(answer);
  } finally {
    clearRequest();
  }
}

/** As ask, with fields in MESSAGE as well. */
export function askWithMessage<T>(
  fields: readonly Field[],
  message: readonly Field[],
  read: (answer: Uint8Array) => T,
): T {
  let end = 0;
  try {
    for (const [offset, bytes] of message) {
      messageChunk.set(bytes, offset);
      end = Math.max(end, offset + bytes.length);
    }
    return ask(fields, read);
  } finally {
    messageChunk.fill(0, 0, end);
  }
}
