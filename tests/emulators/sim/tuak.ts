/**
 * TUAK (TS 35.231 section 6) for the emulated USIM, on the Keccak permutation of @noble/hashes.
 *
 * A second, independent implementation: it shares nothing with the platform under test. The state
 * of 200 bytes holds each field with its bytes in reverse order, and the outputs are read likewise:
 *
 *   TOP or TOPc (32) | INSTANCE (1) | ALGONAME (7) | RAND (16) | AMF (2) | SQN (6) | K (32)
 *     | 1F | 38 x 00 | 80 | 64 x 00
 *
 * K of 128 bits is followed by 16 bytes 00. RAND, AMF and SQN are zero where a function has none.
 */
import { keccakP } from "@noble/hashes/sha3.js";

const ALGONAME = new TextEncoder().encode("TUAK1.0");
const STATE_BYTES = 200;
const TOP_BYTES = 32;
const KEY_FIELD_BYTES = 32;
const RAND_BYTES = 16;
const AMF_BYTES = 2;
const SQN_BYTES = 6;
const AK_BYTES = 6;
/** Padding of section 6.1: bits 1111 1 after the input, and the last bit of the rate. */
const PADDING_FIRST = 0x1f;
const PADDING_FIRST_OFFSET = 96;
const PADDING_LAST = 0x80;
const PADDING_LAST_OFFSET = 135;
/** Where the outputs of f2 to f5 begin (section 6.4). */
const RES_OFFSET = 0;
const CK_OFFSET = 32;
const IK_OFFSET = 64;
const AK_OFFSET = 96;

/** INSTANCE (sections 6.2 to 6.5), bits by what is computed. */
const INSTANCE_TOPC = 0x00;
const INSTANCE_F1_STAR = 0x80;
const INSTANCE_F2345 = 0x40;
const INSTANCE_F5_STAR = 0xc0;
const INSTANCE_CK_256 = 0x04;
const INSTANCE_IK_256 = 0x02;
const INSTANCE_KEY_256 = 0x01;
/** Bytes of MAC or RES, shifted: 4 is 00, 8 is 08, 16 is 10, 32 is 20. */
const INSTANCE_LENGTH: ReadonlyMap<number, number> = new Map([
  [4, 0x00],
  [8, 0x08],
  [16, 0x10],
  [32, 0x20],
]);

/** `k` is 16 or 32 bytes, `topc` 32; Keccak runs `iterations` times. */
export type TuakKeys = {
  readonly k: Uint8Array;
  readonly topc: Uint8Array;
  readonly iterations: number;
};

/** MAC 8, 16 or 32 bytes; RES 4, 8, 16 or 32; CK and IK 16 or 32. */
export type TuakLengths = {
  readonly macBytes: number;
  readonly resBytes: number;
  readonly ckBytes: number;
  readonly ikBytes: number;
};

type Inputs = { readonly rand: Uint8Array; readonly sqn: Uint8Array; readonly amf: Uint8Array };
const NO_INPUTS: Inputs = {
  rand: new Uint8Array(RAND_BYTES),
  sqn: new Uint8Array(SQN_BYTES),
  amf: new Uint8Array(AMF_BYTES),
};

/** TOPc, 32 bytes (section 6.2); `top` is 32 bytes. */
export function computeTopc(k: Uint8Array, top: Uint8Array, iterations: number): Uint8Array {
  const out = run({ k, topc: top, iterations }, INSTANCE_TOPC, NO_INPUTS);
  return takeReversed(out, 0, TOP_BYTES);
}

/** MAC-A (section 6.3). `rand` is 16 bytes, `sqn` 6, `amf` 2. */
export function tuakF1(
  keys: TuakKeys,
  lengths: TuakLengths,
  rand: Uint8Array,
  sqn: Uint8Array,
  amf: Uint8Array,
): Uint8Array {
  const out = run(keys, lengthBits(lengths.macBytes), { rand, sqn, amf });
  return takeReversed(out, 0, lengths.macBytes);
}

/** MAC-S (section 6.3). For AUTS the caller passes AMF* = 0000 (TS 33.102 section 6.3.3). */
export function tuakF1Star(
  keys: TuakKeys,
  lengths: TuakLengths,
  rand: Uint8Array,
  sqn: Uint8Array,
  amf: Uint8Array,
): Uint8Array {
  const instance = INSTANCE_F1_STAR | lengthBits(lengths.macBytes);
  return takeReversed(run(keys, instance, { rand, sqn, amf }), 0, lengths.macBytes);
}

/** RES, CK, IK and AK (6 bytes) come from one run (section 6.4). */
export function tuakF2345(
  keys: TuakKeys,
  lengths: TuakLengths,
  rand: Uint8Array,
): { res: Uint8Array; ck: Uint8Array; ik: Uint8Array; ak: Uint8Array } {
  const { resBytes, ckBytes, ikBytes } = lengths;
  let instance = INSTANCE_F2345 | lengthBits(resBytes);
  if (ckBytes === KEY_FIELD_BYTES) instance |= INSTANCE_CK_256;
  if (ikBytes === KEY_FIELD_BYTES) instance |= INSTANCE_IK_256;
  const out = run(keys, instance, { ...NO_INPUTS, rand });
  return {
    res: takeReversed(out, RES_OFFSET, resBytes),
    ck: takeReversed(out, CK_OFFSET, ckBytes),
    ik: takeReversed(out, IK_OFFSET, ikBytes),
    ak: takeReversed(out, AK_OFFSET, AK_BYTES),
  };
}

/** AK for resynchronisation, 6 bytes (section 6.5). */
export function tuakF5Star(keys: TuakKeys, rand: Uint8Array): Uint8Array {
  const out = run(keys, INSTANCE_F5_STAR, { ...NO_INPUTS, rand });
  return takeReversed(out, AK_OFFSET, AK_BYTES);
}

/** Keccak-f[1600], `iterations` times, on 200 bytes. */
export function permuteKeccak(state: Uint8Array, iterations: number): Uint8Array {
  const bytes = new Uint8Array(state);
  // Little-endian words of 32 bits, as on every machine this runs on.
  const words = new Uint32Array(bytes.buffer);
  for (let count = 0; count < iterations; count += 1) keccakP(words);
  return bytes;
}

function run(keys: TuakKeys, instance: number, inputs: Inputs): Uint8Array {
  const { k, topc, iterations } = keys;
  const keyBit = k.length === KEY_FIELD_BYTES ? INSTANCE_KEY_256 : 0;
  const fields = [topc, Uint8Array.of(instance | keyBit), ALGONAME, inputs.rand, inputs.amf];
  const state = new Uint8Array(STATE_BYTES);
  let offset = 0;
  for (const field of [...fields, inputs.sqn, k]) {
    state.set(field.toReversed(), offset);
    offset += field.length;
  }
  state[PADDING_FIRST_OFFSET] = PADDING_FIRST;
  state[PADDING_LAST_OFFSET] = PADDING_LAST;
  return permuteKeccak(state, iterations);
}

function lengthBits(bytes: number): number {
  const bits = INSTANCE_LENGTH.get(bytes);
  if (bits === undefined) throw new Error(`TUAK has no output of ${bytes} bytes`);
  return bits;
}

function takeReversed(out: Uint8Array, offset: number, length: number): Uint8Array {
  return out.slice(offset, offset + length).toReversed();
}
