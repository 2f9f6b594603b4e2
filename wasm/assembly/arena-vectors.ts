// The arena of vector generation, beside the one of arena.ts. Each file states the layout of its
// requests and answers; lengths, counts and sizes, which are public, are arguments of the calls.

/** Bytes of one record of BATCH: a request K 16 | OPc 16 | RAND 16 | SQN 6 | AMF 2, or its answer. */
export const RECORD_BYTES: i32 = 56;

/** Records of BATCH: the most vectors one call makes. */
const RECORDS_MAX: i32 = 1024;

export const REQUEST: usize = memory.data(256, 16);
export const ANSWER: usize = memory.data(256, 16);
export const BATCH: usize = memory.data(RECORD_BYTES * RECORDS_MAX, 16);
