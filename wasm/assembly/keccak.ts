// Keccak-f[1600], FIPS 202 section 3.3, on two states at once. Vector 5y + x, 16 bytes each, holds lane
// A[x, y] of the first state and then that of the second, both little-endian (section 3.1.2). Only
// exclusive or, and, not and shifts: nothing depends on a state but that state.

import { KECCAK_ROUND_CONSTANTS } from "./tables-keccak";

const ROUNDS: usize = 24; // 12 + 2l for l = 6, section 3.4
export const STATES_BYTES: usize = 400;

/** The two states of 1600 bits; callers fill them, permute them, read them and wipe them. */
export const STATES: usize = memory.data(400, 16);

/** The states after every other round. */
const OTHER: usize = memory.data(400, 16);

class Step {
  @inline static rotate(x: v128, bits: i32): v128 {
    return v128.or(i64x2.shl(x, bits), i64x2.shr_u(x, 64 - bits));
  }

  /** Parity of column x, section 3.2.1 step 1. */
  @inline static column(a: usize): v128 {
    const sum = v128.xor(v128.xor(v128.load(a), v128.load(a, 80)), v128.load(a, 160));
    return v128.xor(sum, v128.xor(v128.load(a, 240), v128.load(a, 320)));
  }

  /** CHI, section 3.2.4, of the five lanes of a row, to `out`. */
  @inline static chi(out: usize, b0: v128, b1: v128, b2: v128, b3: v128, b4: v128): void {
    v128.store(out, v128.xor(b0, v128.andnot(b2, b1)));
    v128.store(out, v128.xor(b1, v128.andnot(b3, b2)), 16);
    v128.store(out, v128.xor(b2, v128.andnot(b4, b3)), 32);
    v128.store(out, v128.xor(b3, v128.andnot(b0, b4)), 48);
    v128.store(out, v128.xor(b4, v128.andnot(b1, b0)), 64);
  }

  /** THETA's D added and RHO's rotation (section 3.2.2) for the lanes at `a`. */
  @inline static turn(a: usize, d: v128, offset: i32): v128 {
    return Step.rotate(v128.xor(v128.load(a), d), offset);
  }

  /**
   * Rnd, section 3.3, from `a` to `b`: THETA, RHO, PI, CHI, IOTA. PI (section 3.2.3) takes
   * A'[x, y] from A[x + 3y, x], which is how each row below names its five lanes.
   */
  @inline static round(a: usize, b: usize, constant: usize): void {
    const c0 = Step.column(a);
    const c1 = Step.column(a + 16);
    const c2 = Step.column(a + 32);
    const c3 = Step.column(a + 48);
    const c4 = Step.column(a + 64);
    const d0 = v128.xor(c4, Step.rotate(c1, 1));
    const d1 = v128.xor(c0, Step.rotate(c2, 1));
    const d2 = v128.xor(c1, Step.rotate(c3, 1));
    const d3 = v128.xor(c2, Step.rotate(c4, 1));
    const d4 = v128.xor(c3, Step.rotate(c0, 1));
    let b0 = v128.xor(v128.load(a), d0);
    let b1 = Step.turn(a + 96, d1, 44);
    let b2 = Step.turn(a + 192, d2, 43);
    let b3 = Step.turn(a + 288, d3, 21);
    let b4 = Step.turn(a + 384, d4, 14);
    Step.chi(b, b0, b1, b2, b3, b4);
    v128.store(b, v128.xor(v128.load(b), v128.load64_splat(constant))); // IOTA, section 3.2.5
    b0 = Step.turn(a + 48, d3, 28);
    b1 = Step.turn(a + 144, d4, 20);
    b2 = Step.turn(a + 160, d0, 3);
    b3 = Step.turn(a + 256, d1, 45);
    b4 = Step.turn(a + 352, d2, 61);
    Step.chi(b + 80, b0, b1, b2, b3, b4);
    b0 = Step.turn(a + 16, d1, 1);
    b1 = Step.turn(a + 112, d2, 6);
    b2 = Step.turn(a + 208, d3, 25);
    b3 = Step.turn(a + 304, d4, 8);
    b4 = Step.turn(a + 320, d0, 18);
    Step.chi(b + 160, b0, b1, b2, b3, b4);
    b0 = Step.turn(a + 64, d4, 27);
    b1 = Step.turn(a + 80, d0, 36);
    b2 = Step.turn(a + 176, d1, 10);
    b3 = Step.turn(a + 272, d2, 15);
    b4 = Step.turn(a + 368, d3, 56);
    Step.chi(b + 240, b0, b1, b2, b3, b4);
    b0 = Step.turn(a + 32, d2, 62);
    b1 = Step.turn(a + 128, d3, 55);
    b2 = Step.turn(a + 224, d4, 39);
    b3 = Step.turn(a + 240, d0, 41);
    b4 = Step.turn(a + 336, d1, 2);
    Step.chi(b + 320, b0, b1, b2, b3, b4);
  }
}

/** Keccak-f[1600] of both states, in place, `times` times in a row. */
export function permute(times: i32): void {
  const end = KECCAK_ROUND_CONSTANTS + (ROUNDS << 3);
  for (let turn = 0; turn < times; turn++) {
    for (let constant = KECCAK_ROUND_CONSTANTS; constant < end; constant += 16) {
      Step.round(STATES, OTHER, constant);
      Step.round(OTHER, STATES, constant + 8);
    }
  }
}

/** Clears what a permutation left. Every exported function that permuted a secret ends with it. */
export function wipeStates(): void {
  memory.fill(STATES, 0, STATES_BYTES);
  memory.fill(OTHER, 0, STATES_BYTES);
}
