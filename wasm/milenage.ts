// Milenage beyond one vector with the default constants: many vectors in one call, and constants of
// the operator's choice (TS 35.206 clause 5.3). In constant time.

import {
  arenaPart,
  ask,
  coreExports,
  CoreInputError,
  put,
  request,
  requireBytes,
  requireNumber,
  take,
} from "./core.ts";
import type { Field } from "./core.ts";
import type { AuthenticationVector, MilenageOutput } from "./index.ts";

const KEY_BYTES = 16;
const RAND_BYTES = 16;
const SQN_BYTES = 6;
const AMF_BYTES = 2;
const AUTS_BYTES = 14;
const ROTATION = { min: 0, max: 127 };
const CONSTANT_COUNT = 5; // c1 to c5, r1 to r5

/** Bytes of a request K 16 | OPc 16 | RAND 16 | SQN 6 | AMF 2, and of its answer. */
export const VECTOR_RECORD_BYTES = 56;

/** Bytes of a challenge RAND 16 | SQN 6 | AMF 2. */
export const CHALLENGE_RECORD_BYTES = 24;

/** The most vectors one call makes: what the arena holds. */
export const VECTOR_BATCH_MAX = 1024;

/** Layout of the requests, as wasm/assembly/milenage-custom.ts and milenage-batch.ts state it. */
const OFFSET = { k: 0, opc: 16, rand: 32, sqn: 48, amf: 54, auts: 48, constants: 64 };

interface MilenageExports {
  readonly BATCH: WebAssembly.Global;
  readonly generateVectorBatch: (count: number) => void;
  readonly generateVectorSeries: (count: number) => void;
  readonly milenageCustom: (r1: number, r2: number, r3: number, r4: number, r5: number) => void;
  readonly milenageCustomOpenAuts: (r1: number, r5: number) => number;
}

const core = coreExports<MilenageExports>(
  "BATCH",
  "generateVectorBatch",
  "generateVectorSeries",
  "milenageCustom",
  "milenageCustomOpenAuts",
);

const batch = arenaPart(core.BATCH, VECTOR_BATCH_MAX * VECTOR_RECORD_BYTES);

/** How many records of a size a value holds: 1 to VECTOR_BATCH_MAX whole ones. */
function countRecords(argument: string, value: Uint8Array, recordBytes: number): number {
  requireBytes(argument, value);
  const count = value.length / recordBytes;
  if (!Number.isInteger(count) || count < 1 || count > VECTOR_BATCH_MAX) {
    const requirement = `1 to ${VECTOR_BATCH_MAX} records of ${recordBytes} bytes`;
    throw new CoreInputError(argument, requirement);
  }
  return count;
}

/** Clears the records of a call; the core clears those that filled up its last four. */
function clearBatch(count: number): void {
  batch.fill(0, 0, count * VECTOR_RECORD_BYTES);
}

/**
 * Authentication vectors (TS 33.102 clause 6.3.2) of many subscribers, in one call of the core.
 * @param requests 1 to 1,024 records of 56 bytes: K 16 | OPc 16 | RAND 16 | SQN 6 | AMF 2
 * @returns as many records of 56 bytes: AUTN 16 | XRES 8 | CK 16 | IK 16
 * @throws CoreInputError for another length
 */
export function generateVectorBatch(requests: Uint8Array): Uint8Array {
  const count = countRecords("requests", requests, VECTOR_RECORD_BYTES);
  try {
    batch.set(requests);
    core.generateVectorBatch(count);
    return batch.slice(0, requests.length);
  } finally {
    clearBatch(count);
  }
}

/**
 * Authentication vectors of one subscriber for many challenges, in one call of the core.
 * @param k, opc 16 bytes each
 * @param challenges 1 to 1,024 records of 24 bytes: RAND 16 | SQN 6 | AMF 2
 * @returns as many records of 56 bytes: AUTN 16 | XRES 8 | CK 16 | IK 16
 * @throws CoreInputError for another length
 */
export function generateVectorSeries(
  k: Uint8Array,
  opc: Uint8Array,
  challenges: Uint8Array,
): Uint8Array {
  requireBytes("k", k, KEY_BYTES);
  requireBytes("opc", opc, KEY_BYTES);
  const count = countRecords("challenges", challenges, CHALLENGE_RECORD_BYTES);
  try {
    put(request, k, OFFSET.k);
    put(request, opc, OFFSET.opc);
    batch.set(challenges, count * (VECTOR_RECORD_BYTES - CHALLENGE_RECORD_BYTES));
    core.generateVectorSeries(count);
    return batch.slice(0, count * VECTOR_RECORD_BYTES);
  } finally {
    request.fill(0, 0, OFFSET.rand); // the core answers to the batch alone
    clearBatch(count);
  }
}

/**
 * The same vectors, taken apart.
 * @param k, opc 16 bytes each
 * @param challenges 1 to 1,024 of RAND, 16 bytes, and SQN, 6 bytes
 * @param amf 2 bytes
 * @throws CoreInputError for another length
 */
export function generateVectors(
  k: Uint8Array,
  opc: Uint8Array,
  challenges: readonly { readonly rand: Uint8Array; readonly sqn: Uint8Array }[],
  amf: Uint8Array,
): AuthenticationVector[] {
  requireBytes("amf", amf, AMF_BYTES);
  if (!Array.isArray(challenges)) throw new CoreInputError("challenges", "a list");
  const requests = new Uint8Array(challenges.length * CHALLENGE_RECORD_BYTES);
  for (const [index, { rand, sqn }] of challenges.entries()) {
    requireBytes("rand", rand, RAND_BYTES);
    requireBytes("sqn", sqn, SQN_BYTES);
    const start = index * CHALLENGE_RECORD_BYTES;
    put(requests, rand, start);
    put(requests, sqn, start + RAND_BYTES);
    put(requests, amf, start + RAND_BYTES + SQN_BYTES);
  }
  const records = generateVectorSeries(k, opc, requests);
  const vectors = challenges.map(({ rand }, index) => {
    const start = index * VECTOR_RECORD_BYTES;
    return {
      rand,
      autn: take(records, start, start + 16),
      xres: take(records, start + 16, start + 24),
      ck: take(records, start + 24, start + 40),
      ik: take(records, start + 40, start + 56),
    };
  });
  records.fill(0);
  return vectors;
}

/** c1 to c5 and r1 to r5 of TS 35.206 clause 4.1; an operator's choice is public. */
export interface MilenageConstants {
  c: readonly Uint8Array[]; // five of 16 bytes, big-endian
  r: readonly number[]; // five, 0 to 127 bits
}

function constant(lastByte: number): Uint8Array {
  const bytes = new Uint8Array(KEY_BYTES);
  bytes[KEY_BYTES - 1] = lastByte;
  return bytes;
}

/** The values of TS 35.206 clause 4.1. */
export const MILENAGE_CONSTANTS: MilenageConstants = {
  c: [0, 1, 2, 4, 8].map(constant),
  r: [64, 0, 32, 64, 96],
};

/** Checks the constants; gives the fields of c1 to c5, and r1 to r5. */
function placeConstants({ c, r }: MilenageConstants): {
  fields: Field[];
  r: readonly [number, number, number, number, number];
} {
  if (!Array.isArray(c) || c.length !== CONSTANT_COUNT) {
    throw new CoreInputError("c", `${CONSTANT_COUNT} constants`);
  }
  if (!Array.isArray(r) || r.length !== CONSTANT_COUNT) {
    throw new CoreInputError("r", `${CONSTANT_COUNT} rotations`);
  }
  c.forEach((value, index) => requireBytes(`c${index + 1}`, value, KEY_BYTES));
  r.forEach((bits, index) => requireNumber(`r${index + 1}`, bits, ROTATION));
  const [r1 = 0, r2 = 0, r3 = 0, r4 = 0, r5 = 0] = r;
  const fields = c.map((value, index): Field => [OFFSET.constants + index * KEY_BYTES, value]);
  return { fields, r: [r1, r2, r3, r4, r5] };
}

/**
 * f1, f1*, f2, f3, f4, f5 and f5* of TS 35.206 clause 4.1 with other constants. milenage is the
 * faster one for the usual ones.
 * @param k, opc, rand 16 bytes each
 * @param sqn 6 bytes
 * @param amf 2 bytes
 * @throws CoreInputError for another length or number
 */
export function milenageCustom(
  k: Uint8Array,
  opc: Uint8Array,
  rand: Uint8Array,
  sqn: Uint8Array,
  amf: Uint8Array,
  constants: MilenageConstants,
): MilenageOutput {
  requireBytes("k", k, KEY_BYTES);
  requireBytes("opc", opc, KEY_BYTES);
  requireBytes("rand", rand, RAND_BYTES);
  requireBytes("sqn", sqn, SQN_BYTES);
  requireBytes("amf", amf, AMF_BYTES);
  const { fields, r } = placeConstants(constants);
  fields.push([OFFSET.k, k], [OFFSET.opc, opc], [OFFSET.rand, rand]);
  fields.push([OFFSET.sqn, sqn], [OFFSET.amf, amf]);
  return ask(fields, (answer) => {
    core.milenageCustom(...r);
    return {
      macA: take(answer, 0, 8),
      macS: take(answer, 8, 16),
      res: take(answer, 16, 24),
      ck: take(answer, 24, 40),
      ik: take(answer, 40, 56),
      ak: take(answer, 56, 62),
      akStar: take(answer, 62, 68),
    };
  });
}

/**
 * As openAuts, with other constants.
 * @param k, opc, rand 16 bytes each
 * @param auts 14 bytes: (SQN_MS ^ AK*) 6 || MAC-S 8
 * @returns SQN_MS, 6 bytes; undefined if MAC-S is wrong
 * @throws CoreInputError for another length or number
 */
export function openCustomAuts(
  k: Uint8Array,
  opc: Uint8Array,
  rand: Uint8Array,
  auts: Uint8Array,
  constants: MilenageConstants,
): Uint8Array | undefined {
  requireBytes("k", k, KEY_BYTES);
  requireBytes("opc", opc, KEY_BYTES);
  requireBytes("rand", rand, RAND_BYTES);
  requireBytes("auts", auts, AUTS_BYTES);
  const { fields, r } = placeConstants(constants);
  fields.push([OFFSET.k, k], [OFFSET.opc, opc], [OFFSET.rand, rand], [OFFSET.auts, auts]);
  return ask(fields, (answer) =>
    core.milenageCustomOpenAuts(r[0], r[4]) === 1 ? take(answer, 0, SQN_BYTES) : undefined,
  );
}
