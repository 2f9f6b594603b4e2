// The selected curve. Both curves have a = -3 and cofactor 1, moduli of 256 bits and one layout of
// constants, so that points and signatures need to know no more than where the constants stand.

import { P256_CONSTANTS, SM2_CONSTANTS } from "./tables-curves";

export const CURVE_P256: usize = P256_CONSTANTS;
export const CURVE_SM2: usize = SM2_CONSTANTS;

// Offsets of the constants, nine 29-bit limbs each. "Montgomery form" of x is x * 2^261 mod p.
export const P: usize = 0;
export const R2_MOD_P: usize = 36; // R^2 mod p for R = 2^261
export const ONE: usize = 72; // 1, Montgomery form
export const B: usize = 108; // b of y^2 = x^3 - 3x + b, Montgomery form
export const N: usize = 144; // the order of G
export const R2_MOD_N: usize = 180; // R^2 mod n
export const P_MINUS_N: usize = 216; // the bound below which r + n is a coordinate too
export const G: usize = 252; // affine x, then y, Montgomery form
export const N_PRIME: usize = 324; // -1/n mod 2^29, one limb

export let curve: usize = CURVE_P256;

/** Makes one of the two curves the one all layers work on. Every exported function does it first. */
export function selectCurve(constants: usize): void {
  curve = constants;
}
