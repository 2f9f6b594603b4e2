// Keccak-f[1600], FIPS 202 section 3.3, on a state of 25 lanes in memory. Lane A[x, y] stands at byte
// 8 * (5y + x), little-endian (section 3.1.2). Only exclusive or, and, not and rotation: nothing
// depends on the state but the state.

import { KECCAK_ROUND_CONSTANTS } from "./tables-keccak";

const ROUNDS: usize = 24; // 12 + 2l for l = 6, section 3.4
const STATE_BYTES: usize = 200;

/** The state of 1600 bits; callers fill it, permute it, read it and wipe it. */
export const STATE: usize = memory.data(200, 16);

/** The state after every other round. */
const OTHER: usize = memory.data(200, 16);

class Step {
  /** Parity of column x, section 3.2.1 step 1. */
  @inline static column(a: usize): u64 {
    const sum = load<u64>(a) ^ load<u64>(a, 40) ^ load<u64>(a, 80);
    return sum ^ load<u64>(a, 120) ^ load<u64>(a, 160);
  }

  /** CHI, section 3.2.4, of the five lanes of a row, to `out`. */
  @inline static chi(out: usize, b0: u64, b1: u64, b2: u64, b3: u64, b4: u64): void {
    store<u64>(out, b0 ^ (~b1 & b2));
    store<u64>(out, b1 ^ (~b2 & b3), 8);
    store<u64>(out, b2 ^ (~b3 & b4), 16);
    store<u64>(out, b3 ^ (~b4 & b0), 24);
    store<u64>(out, b4 ^ (~b0 & b1), 32);
  }

  /** THETA's D added and RHO's rotation (section 3.2.2) for the lane at `a`. */
  @inline static turn(a: usize, d: u64, offset: u64): u64 {
    return rotl<u64>(load<u64>(a) ^ d, offset);
  }

  /**
   * Rnd, section 3.3, from `a` to `b`: THETA, RHO, PI, CHI, IOTA. PI (section 3.2.3) takes
   * A'[x, y] from A[x + 3y, x], which is how each row below names its five lanes.
   */
  @inline static round(a: usize, b: usize, constant: u64): void {
    const c0 = Step.column(a);
    const c1 = Step.column(a + 8);
    const c2 = Step.column(a + 16);
    const c3 = Step.column(a + 24);
    const c4 = Step.column(a + 32);
    const d0 = c4 ^ rotl<u64>(c1, 1);
    const d1 = c0 ^ rotl<u64>(c2, 1);
    const d2 = c1 ^ rotl<u64>(c3, 1);
    const d3 = c2 ^ rotl<u64>(c4, 1);
    const d4 = c3 ^ rotl<u64>(c0, 1);
    let b0 = load<u64>(a) ^ d0;
    let b1 = Step.turn(a + 48, d1, 44);
    let b2 = Step.turn(a + 96, d2, 43);
    let b3 = Step.turn(a + 144, d3, 21);
    let b4 = Step.turn(a + 192, d4, 14);
    Step.chi(b, b0, b1, b2, b3, b4);
    store<u64>(b, load<u64>(b) ^ constant); // IOTA, section 3.2.5
    b0 = Step.turn(a + 24, d3, 28);
    b1 = Step.turn(a + 72, d4, 20);
    b2 = Step.turn(a + 80, d0, 3);
    b3 = Step.turn(a + 128, d1, 45);
    b4 = Step.turn(a + 176, d2, 61);
    Step.chi(b + 40, b0, b1, b2, b3, b4);
    b0 = Step.turn(a + 8, d1, 1);
    b1 = Step.turn(a + 56, d2, 6);
    b2 = Step.turn(a + 104, d3, 25);
    b3 = Step.turn(a + 152, d4, 8);
    b4 = Step.turn(a + 160, d0, 18);
    Step.chi(b + 80, b0, b1, b2, b3, b4);
    b0 = Step.turn(a + 32, d4, 27);
    b1 = Step.turn(a + 40, d0, 36);
    b2 = Step.turn(a + 88, d1, 10);
    b3 = Step.turn(a + 136, d2, 15);
    b4 = Step.turn(a + 184, d3, 56);
    Step.chi(b + 120, b0, b1, b2, b3, b4);
    b0 = Step.turn(a + 16, d2, 62);
    b1 = Step.turn(a + 64, d3, 55);
    b2 = Step.turn(a + 112, d4, 39);
    b3 = Step.turn(a + 120, d0, 41);
    b4 = Step.turn(a + 168, d1, 2);
    Step.chi(b + 160, b0, b1, b2, b3, b4);
  }
}

/** Keccak-f[1600] of STATE, in place, `times` times in a row. */
export function permute(times: i32): void {
  for (let turn = 0; turn < times; turn++) {
    for (let round: usize = 0; round < ROUNDS << 3; round += 16) {
      Step.round(STATE, OTHER, load<u64>(KECCAK_ROUND_CONSTANTS + round));
      Step.round(OTHER, STATE, load<u64>(KECCAK_ROUND_CONSTANTS + round, 8));
    }
  }
}

/** Clears what a permutation left. Every exported function that permuted a secret ends with it. */
export function wipeState(): void {
  memory.fill(STATE, 0, STATE_BYTES);
  memory.fill(OTHER, 0, STATE_BYTES);
}
