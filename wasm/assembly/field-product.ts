// Products in the field of field.ts, for either modulus p: the schoolbook columns of nine limbs with
// Montgomery reduction between them. The header of field.ts states the forms and bounds.

const MASK: i64 = 0x1fff_ffff; // 29 bits
const LIMB_BITS: i64 = 29;

/**
 * What depends on p in Montgomery reduction and in combine.
 *
 * Reduction clears column i by adding q p at its weight. p = -1 mod 2^29, so q is the low 29 bits of
 * the column: the -q of q p clears it, and the other powers of two in p fall on columns further up.
 * fold gives the column after the one with the sum t, before its own products: the carry of t, and
 * what the multiples of p added so far put there. q3 is the q of the column three before, and so on.
 *
 * The functions take no notice of `this`: the classes are type arguments alone.
 */
@unmanaged
export class P256Field {
  /** + 2^256 (8 columns on, bit 24), - 2^224 (7, 21), + 2^192 (6, 18), + 2^96 (3, 9) */
  @inline fold(t: i64, _q2: i64, q3: i64, q6: i64, q7: i64, q8: i64): i64 {
    return (t >> LIMB_BITS) + (q3 << 9) + (q6 << 18) - (q7 << 21) + (q8 << 24);
  }

  /** -q p at the columns 2, 3 and 6; 0, 7 and 8 are the same for both. */
  @inline column2(_q: i64): i64 {
    return 0;
  }

  @inline column3(q: i64): i64 {
    return -(q << 9);
  }

  @inline column6(q: i64): i64 {
    return -(q << 18);
  }
}

@unmanaged
export class Sm2Field {
  /** + 2^256 (8 columns on, bit 24), - 2^224 (7, 21), - 2^96 (3, 9), + 2^64 (2, 6) */
  @inline fold(t: i64, q2: i64, q3: i64, _q6: i64, q7: i64, q8: i64): i64 {
    return (t >> LIMB_BITS) + (q2 << 6) - (q3 << 9) - (q7 << 21) + (q8 << 24);
  }

  @inline column2(q: i64): i64 {
    return -(q << 6);
  }

  @inline column3(q: i64): i64 {
    return q << 9;
  }

  @inline column6(_q: i64): i64 {
    return 0;
  }
}

/**
 * out = a * b / R mod p; see the header for the bounds. out may be a or b: a limb of it is stored
 * after the last use of the limbs of a and b at its place.
 */
export function multiplyIn<F>(out: usize, a: usize, b: usize): void {
  const f = changetype<F>(0);
  const a0 = i64(load<i32>(a));
  const a1 = i64(load<i32>(a, 4));
  const a2 = i64(load<i32>(a, 8));
  const a3 = i64(load<i32>(a, 12));
  const a4 = i64(load<i32>(a, 16));
  const a5 = i64(load<i32>(a, 20));
  const a6 = i64(load<i32>(a, 24));
  const a7 = i64(load<i32>(a, 28));
  const a8 = i64(load<i32>(a, 32));
  const b0 = i64(load<i32>(b));
  const b1 = i64(load<i32>(b, 4));
  const b2 = i64(load<i32>(b, 8));
  const b3 = i64(load<i32>(b, 12));
  const b4 = i64(load<i32>(b, 16));
  const b5 = i64(load<i32>(b, 20));
  const b6 = i64(load<i32>(b, 24));
  const b7 = i64(load<i32>(b, 28));
  const b8 = i64(load<i32>(b, 32));
  let t = a0 * b0;
  const q0 = t & MASK;
  t = f.fold(t, 0, 0, 0, 0, 0) + a0 * b1 + a1 * b0;
  const q1 = t & MASK;
  t = f.fold(t, q0, 0, 0, 0, 0) + a0 * b2 + a1 * b1 + a2 * b0;
  const q2 = t & MASK;
  t = f.fold(t, q1, q0, 0, 0, 0) + a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0;
  const q3 = t & MASK;
  t = f.fold(t, q2, q1, 0, 0, 0) + a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0;
  const q4 = t & MASK;
  t = f.fold(t, q3, q2, 0, 0, 0);
  t += a0 * b5 + a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1 + a5 * b0;
  const q5 = t & MASK;
  t = f.fold(t, q4, q3, q0, 0, 0);
  t += a0 * b6 + a1 * b5 + a2 * b4 + a3 * b3 + a4 * b2 + a5 * b1 + a6 * b0;
  const q6 = t & MASK;
  t = f.fold(t, q5, q4, q1, q0, 0);
  t += a0 * b7 + a1 * b6 + a2 * b5 + a3 * b4 + a4 * b3 + a5 * b2 + a6 * b1 + a7 * b0;
  const q7 = t & MASK;
  t = f.fold(t, q6, q5, q2, q1, q0);
  t += a0 * b8 + a1 * b7 + a2 * b6 + a3 * b5 + a4 * b4 + a5 * b3 + a6 * b2 + a7 * b1 + a8 * b0;
  const q8 = t & MASK;
  t = f.fold(t, q7, q6, q3, q2, q1);
  t += a1 * b8 + a2 * b7 + a3 * b6 + a4 * b5 + a5 * b4 + a6 * b3 + a7 * b2 + a8 * b1;
  store<i32>(out, i32(t & MASK));
  t = f.fold(t, q8, q7, q4, q3, q2);
  t += a2 * b8 + a3 * b7 + a4 * b6 + a5 * b5 + a6 * b4 + a7 * b3 + a8 * b2;
  store<i32>(out, i32(t & MASK), 4);
  t = f.fold(t, 0, q8, q5, q4, q3);
  t += a3 * b8 + a4 * b7 + a5 * b6 + a6 * b5 + a7 * b4 + a8 * b3;
  store<i32>(out, i32(t & MASK), 8);
  t = f.fold(t, 0, 0, q6, q5, q4) + a4 * b8 + a5 * b7 + a6 * b6 + a7 * b5 + a8 * b4;
  store<i32>(out, i32(t & MASK), 12);
  t = f.fold(t, 0, 0, q7, q6, q5) + a5 * b8 + a6 * b7 + a7 * b6 + a8 * b5;
  store<i32>(out, i32(t & MASK), 16);
  t = f.fold(t, 0, 0, q8, q7, q6) + a6 * b8 + a7 * b7 + a8 * b6;
  store<i32>(out, i32(t & MASK), 20);
  t = f.fold(t, 0, 0, 0, q8, q7) + a7 * b8 + a8 * b7;
  store<i32>(out, i32(t & MASK), 24);
  t = f.fold(t, 0, 0, 0, 0, q8) + a8 * b8;
  store<i32>(out, i32(t & MASK), 28);
  store<i32>(out, i32(t >> LIMB_BITS), 32);
}

/** out = a * a / R mod p; a is tight or a difference. out may be a. */
export function squareIn<F>(out: usize, a: usize): void {
  const f = changetype<F>(0);
  const a0 = i64(load<i32>(a));
  const a1 = i64(load<i32>(a, 4));
  const a2 = i64(load<i32>(a, 8));
  const a3 = i64(load<i32>(a, 12));
  const a4 = i64(load<i32>(a, 16));
  const a5 = i64(load<i32>(a, 20));
  const a6 = i64(load<i32>(a, 24));
  const a7 = i64(load<i32>(a, 28));
  const a8 = i64(load<i32>(a, 32));
  const d0 = a0 << 1;
  const d1 = a1 << 1;
  const d2 = a2 << 1;
  const d3 = a3 << 1;
  const d4 = a4 << 1;
  const d5 = a5 << 1;
  const d6 = a6 << 1;
  const d7 = a7 << 1;
  let t = a0 * a0;
  const q0 = t & MASK;
  t = f.fold(t, 0, 0, 0, 0, 0) + d0 * a1;
  const q1 = t & MASK;
  t = f.fold(t, q0, 0, 0, 0, 0) + d0 * a2 + a1 * a1;
  const q2 = t & MASK;
  t = f.fold(t, q1, q0, 0, 0, 0) + d0 * a3 + d1 * a2;
  const q3 = t & MASK;
  t = f.fold(t, q2, q1, 0, 0, 0) + d0 * a4 + d1 * a3 + a2 * a2;
  const q4 = t & MASK;
  t = f.fold(t, q3, q2, 0, 0, 0) + d0 * a5 + d1 * a4 + d2 * a3;
  const q5 = t & MASK;
  t = f.fold(t, q4, q3, q0, 0, 0) + d0 * a6 + d1 * a5 + d2 * a4 + a3 * a3;
  const q6 = t & MASK;
  t = f.fold(t, q5, q4, q1, q0, 0) + d0 * a7 + d1 * a6 + d2 * a5 + d3 * a4;
  const q7 = t & MASK;
  t = f.fold(t, q6, q5, q2, q1, q0) + d0 * a8 + d1 * a7 + d2 * a6 + d3 * a5 + a4 * a4;
  const q8 = t & MASK;
  t = f.fold(t, q7, q6, q3, q2, q1) + d1 * a8 + d2 * a7 + d3 * a6 + d4 * a5;
  store<i32>(out, i32(t & MASK));
  t = f.fold(t, q8, q7, q4, q3, q2) + d2 * a8 + d3 * a7 + d4 * a6 + a5 * a5;
  store<i32>(out, i32(t & MASK), 4);
  t = f.fold(t, 0, q8, q5, q4, q3) + d3 * a8 + d4 * a7 + d5 * a6;
  store<i32>(out, i32(t & MASK), 8);
  t = f.fold(t, 0, 0, q6, q5, q4) + d4 * a8 + d5 * a7 + a6 * a6;
  store<i32>(out, i32(t & MASK), 12);
  t = f.fold(t, 0, 0, q7, q6, q5) + d5 * a8 + d6 * a7;
  store<i32>(out, i32(t & MASK), 16);
  t = f.fold(t, 0, 0, q8, q7, q6) + d6 * a8 + a7 * a7;
  store<i32>(out, i32(t & MASK), 20);
  t = f.fold(t, 0, 0, 0, q8, q7) + d7 * a8;
  store<i32>(out, i32(t & MASK), 24);
  t = f.fold(t, 0, 0, 0, 0, q8) + a8 * a8;
  store<i32>(out, i32(t & MASK), 28);
  store<i32>(out, i32(t >> LIMB_BITS), 32);
}

/** The columns of the product of nine limbs by nine, weight 2^(29 n) for column n. */
class Column {
  @inline static term(a: usize, i: usize, b: usize, j: usize): i64 {
    return i64(load<i32>(a + (i << 2))) * i64(load<i32>(b + (j << 2)));
  }

  @inline static c0(a: usize, b: usize): i64 {
    return Column.term(a, 0, b, 0);
  }

  @inline static c1(a: usize, b: usize): i64 {
    return Column.term(a, 0, b, 1) + Column.term(a, 1, b, 0);
  }

  @inline static c2(a: usize, b: usize): i64 {
    return Column.term(a, 0, b, 2) + Column.term(a, 1, b, 1) + Column.term(a, 2, b, 0);
  }

  @inline static c3(a: usize, b: usize): i64 {
    return (
      Column.term(a, 0, b, 3) +
      Column.term(a, 1, b, 2) +
      Column.term(a, 2, b, 1) +
      Column.term(a, 3, b, 0)
    );
  }

  @inline static c4(a: usize, b: usize): i64 {
    return (
      Column.term(a, 0, b, 4) +
      Column.term(a, 1, b, 3) +
      Column.term(a, 2, b, 2) +
      Column.term(a, 3, b, 1) +
      Column.term(a, 4, b, 0)
    );
  }

  @inline static c5(a: usize, b: usize): i64 {
    return (
      Column.term(a, 0, b, 5) +
      Column.term(a, 1, b, 4) +
      Column.term(a, 2, b, 3) +
      Column.term(a, 3, b, 2) +
      Column.term(a, 4, b, 1) +
      Column.term(a, 5, b, 0)
    );
  }

  @inline static c6(a: usize, b: usize): i64 {
    return (
      Column.term(a, 0, b, 6) +
      Column.term(a, 1, b, 5) +
      Column.term(a, 2, b, 4) +
      Column.term(a, 3, b, 3) +
      Column.term(a, 4, b, 2) +
      Column.term(a, 5, b, 1) +
      Column.term(a, 6, b, 0)
    );
  }

  @inline static c7(a: usize, b: usize): i64 {
    return (
      Column.term(a, 0, b, 7) +
      Column.term(a, 1, b, 6) +
      Column.term(a, 2, b, 5) +
      Column.term(a, 3, b, 4) +
      Column.term(a, 4, b, 3) +
      Column.term(a, 5, b, 2) +
      Column.term(a, 6, b, 1) +
      Column.term(a, 7, b, 0)
    );
  }

  @inline static c8(a: usize, b: usize): i64 {
    return (
      Column.term(a, 0, b, 8) +
      Column.term(a, 1, b, 7) +
      Column.term(a, 2, b, 6) +
      Column.term(a, 3, b, 5) +
      Column.term(a, 4, b, 4) +
      Column.term(a, 5, b, 3) +
      Column.term(a, 6, b, 2) +
      Column.term(a, 7, b, 1) +
      Column.term(a, 8, b, 0)
    );
  }

  @inline static c9(a: usize, b: usize): i64 {
    return (
      Column.term(a, 1, b, 8) +
      Column.term(a, 2, b, 7) +
      Column.term(a, 3, b, 6) +
      Column.term(a, 4, b, 5) +
      Column.term(a, 5, b, 4) +
      Column.term(a, 6, b, 3) +
      Column.term(a, 7, b, 2) +
      Column.term(a, 8, b, 1)
    );
  }

  @inline static c10(a: usize, b: usize): i64 {
    return (
      Column.term(a, 2, b, 8) +
      Column.term(a, 3, b, 7) +
      Column.term(a, 4, b, 6) +
      Column.term(a, 5, b, 5) +
      Column.term(a, 6, b, 4) +
      Column.term(a, 7, b, 3) +
      Column.term(a, 8, b, 2)
    );
  }

  @inline static c11(a: usize, b: usize): i64 {
    return (
      Column.term(a, 3, b, 8) +
      Column.term(a, 4, b, 7) +
      Column.term(a, 5, b, 6) +
      Column.term(a, 6, b, 5) +
      Column.term(a, 7, b, 4) +
      Column.term(a, 8, b, 3)
    );
  }

  @inline static c12(a: usize, b: usize): i64 {
    return (
      Column.term(a, 4, b, 8) +
      Column.term(a, 5, b, 7) +
      Column.term(a, 6, b, 6) +
      Column.term(a, 7, b, 5) +
      Column.term(a, 8, b, 4)
    );
  }

  @inline static c13(a: usize, b: usize): i64 {
    return (
      Column.term(a, 5, b, 8) +
      Column.term(a, 6, b, 7) +
      Column.term(a, 7, b, 6) +
      Column.term(a, 8, b, 5)
    );
  }

  @inline static c14(a: usize, b: usize): i64 {
    return Column.term(a, 6, b, 8) + Column.term(a, 7, b, 7) + Column.term(a, 8, b, 6);
  }

  @inline static c15(a: usize, b: usize): i64 {
    return Column.term(a, 7, b, 8) + Column.term(a, 8, b, 7);
  }

  @inline static c16(a: usize, b: usize): i64 {
    return Column.term(a, 8, b, 8);
  }
}

/**
 * out = (a * b - c * d) / R mod p with one reduction; a and b are tight or differences, c and d tight,
 * or one of them a sum: a column then stays below 27 * 2^58 < 2^63. out may be any of the four.
 */
export function multiplySubtractIn<F>(out: usize, a: usize, b: usize, c: usize, d: usize): void {
  const f = changetype<F>(0);
  let t = Column.c0(a, b) - Column.c0(c, d);
  const q0 = t & MASK;
  t = f.fold(t, 0, 0, 0, 0, 0) + Column.c1(a, b) - Column.c1(c, d);
  const q1 = t & MASK;
  t = f.fold(t, q0, 0, 0, 0, 0) + Column.c2(a, b) - Column.c2(c, d);
  const q2 = t & MASK;
  t = f.fold(t, q1, q0, 0, 0, 0) + Column.c3(a, b) - Column.c3(c, d);
  const q3 = t & MASK;
  t = f.fold(t, q2, q1, 0, 0, 0) + Column.c4(a, b) - Column.c4(c, d);
  const q4 = t & MASK;
  t = f.fold(t, q3, q2, 0, 0, 0) + Column.c5(a, b) - Column.c5(c, d);
  const q5 = t & MASK;
  t = f.fold(t, q4, q3, q0, 0, 0) + Column.c6(a, b) - Column.c6(c, d);
  const q6 = t & MASK;
  t = f.fold(t, q5, q4, q1, q0, 0) + Column.c7(a, b) - Column.c7(c, d);
  const q7 = t & MASK;
  t = f.fold(t, q6, q5, q2, q1, q0) + Column.c8(a, b) - Column.c8(c, d);
  const q8 = t & MASK;
  t = f.fold(t, q7, q6, q3, q2, q1) + Column.c9(a, b) - Column.c9(c, d);
  store<i32>(out, i32(t & MASK));
  t = f.fold(t, q8, q7, q4, q3, q2) + Column.c10(a, b) - Column.c10(c, d);
  store<i32>(out, i32(t & MASK), 4);
  t = f.fold(t, 0, q8, q5, q4, q3) + Column.c11(a, b) - Column.c11(c, d);
  store<i32>(out, i32(t & MASK), 8);
  t = f.fold(t, 0, 0, q6, q5, q4) + Column.c12(a, b) - Column.c12(c, d);
  store<i32>(out, i32(t & MASK), 12);
  t = f.fold(t, 0, 0, q7, q6, q5) + Column.c13(a, b) - Column.c13(c, d);
  store<i32>(out, i32(t & MASK), 16);
  t = f.fold(t, 0, 0, q8, q7, q6) + Column.c14(a, b) - Column.c14(c, d);
  store<i32>(out, i32(t & MASK), 20);
  t = f.fold(t, 0, 0, 0, q8, q7) + Column.c15(a, b) - Column.c15(c, d);
  store<i32>(out, i32(t & MASK), 24);
  t = f.fold(t, 0, 0, 0, 0, q8) + Column.c16(a, b) - Column.c16(c, d);
  store<i32>(out, i32(t & MASK), 28);
  store<i32>(out, i32(t >> LIMB_BITS), 32);
}
