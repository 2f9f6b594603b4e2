// Products in the field of field.ts, for either modulus p: the columns of nine limbs by nine with
// Montgomery reduction between them. The header of field.ts states the forms and bounds.
//
// Rows of the schoolbook product are taken two at a time and the columns hold the product negated:
// a chain of subtractions stays a chain, while compilers regroup one of additions and then keep all
// its terms at once, for which there are not enough registers. This is worth a third of the time in
// JavaScriptCore.

const MASK: i64 = 0x1fff_ffff; // 29 bits
const LIMB_BITS: i64 = 29;

/**
 * What depends on p in Montgomery reduction and in combine.
 *
 * Reduction clears column i by adding q p at its weight. p = -1 mod 2^29, so q is the low 29 bits of
 * the column: the -q of q p clears it, and the other powers of two in p fall on columns further up:
 * 2^256 eight columns on at bit 24 and -2^224 seven columns on at bit 21 for both, the rest here.
 *
 * The functions take no notice of `this`: the classes are type arguments alone.
 */
@unmanaged
export class P256Field {
  // + 2^192 (6 columns on, bit 18), + 2^96 (3, 9)
  @inline column2(_q: i64): i64 {
    return 0;
  }

  @inline column3(q: i64): i64 {
    return q << 9;
  }

  @inline column6(q: i64): i64 {
    return q << 18;
  }
}

@unmanaged
export class Sm2Field {
  // - 2^96 (3 columns on, bit 9), + 2^64 (2, 6)
  @inline column2(q: i64): i64 {
    return q << 6;
  }

  @inline column3(q: i64): i64 {
    return -(q << 9);
  }

  @inline column6(_q: i64): i64 {
    return 0;
  }
}

/** out = a * b / R mod p. out may be a or b: it is stored when both have been used. */
export function multiplyIn<F>(out: usize, a: usize, b: usize): void {
  const f = changetype<F>(0);
  let q: i64;
  // Rows 0 and 1
  const a0 = i64(load<i32>(a));
  const a1 = i64(load<i32>(a, 4));
  let t0 = -(a0 * i64(load<i32>(b)));
  q = t0 & MASK;
  let t1 = t0 >> LIMB_BITS;
  let t2 = f.column2(q);
  let t3 = f.column3(q);
  let t6 = f.column6(q);
  let t7 = -(q << 21);
  let t8 = q << 24;
  t1 -= a0 * i64(load<i32>(b, 4));
  t1 -= a1 * i64(load<i32>(b));
  q = t1 & MASK;
  t2 += t1 >> LIMB_BITS;
  t3 += f.column2(q);
  let t4 = f.column3(q);
  t7 += f.column6(q);
  t8 -= q << 21;
  let t9 = q << 24;
  t2 -= a0 * i64(load<i32>(b, 8));
  t2 -= a1 * i64(load<i32>(b, 4));
  t3 -= a0 * i64(load<i32>(b, 12));
  t3 -= a1 * i64(load<i32>(b, 8));
  t4 -= a0 * i64(load<i32>(b, 16));
  t4 -= a1 * i64(load<i32>(b, 12));
  let t5 = -(a0 * i64(load<i32>(b, 20)));
  t5 -= a1 * i64(load<i32>(b, 16));
  t6 -= a0 * i64(load<i32>(b, 24));
  t6 -= a1 * i64(load<i32>(b, 20));
  t7 -= a0 * i64(load<i32>(b, 28));
  t7 -= a1 * i64(load<i32>(b, 24));
  t8 -= a0 * i64(load<i32>(b, 32));
  t8 -= a1 * i64(load<i32>(b, 28));
  t9 -= a1 * i64(load<i32>(b, 32));
  // Rows 2 and 3
  const a2 = i64(load<i32>(a, 8));
  const a3 = i64(load<i32>(a, 12));
  t2 -= a2 * i64(load<i32>(b));
  q = t2 & MASK;
  t3 += t2 >> LIMB_BITS;
  t4 += f.column2(q);
  t5 += f.column3(q);
  t8 += f.column6(q);
  t9 -= q << 21;
  let t10 = q << 24;
  t3 -= a2 * i64(load<i32>(b, 4));
  t3 -= a3 * i64(load<i32>(b));
  q = t3 & MASK;
  t4 += t3 >> LIMB_BITS;
  t5 += f.column2(q);
  t6 += f.column3(q);
  t9 += f.column6(q);
  t10 -= q << 21;
  let t11 = q << 24;
  t4 -= a2 * i64(load<i32>(b, 8));
  t4 -= a3 * i64(load<i32>(b, 4));
  t5 -= a2 * i64(load<i32>(b, 12));
  t5 -= a3 * i64(load<i32>(b, 8));
  t6 -= a2 * i64(load<i32>(b, 16));
  t6 -= a3 * i64(load<i32>(b, 12));
  t7 -= a2 * i64(load<i32>(b, 20));
  t7 -= a3 * i64(load<i32>(b, 16));
  t8 -= a2 * i64(load<i32>(b, 24));
  t8 -= a3 * i64(load<i32>(b, 20));
  t9 -= a2 * i64(load<i32>(b, 28));
  t9 -= a3 * i64(load<i32>(b, 24));
  t10 -= a2 * i64(load<i32>(b, 32));
  t10 -= a3 * i64(load<i32>(b, 28));
  t11 -= a3 * i64(load<i32>(b, 32));
  // Rows 4 and 5
  const a4 = i64(load<i32>(a, 16));
  const a5 = i64(load<i32>(a, 20));
  t4 -= a4 * i64(load<i32>(b));
  q = t4 & MASK;
  t5 += t4 >> LIMB_BITS;
  t6 += f.column2(q);
  t7 += f.column3(q);
  t10 += f.column6(q);
  t11 -= q << 21;
  let t12 = q << 24;
  t5 -= a4 * i64(load<i32>(b, 4));
  t5 -= a5 * i64(load<i32>(b));
  q = t5 & MASK;
  t6 += t5 >> LIMB_BITS;
  t7 += f.column2(q);
  t8 += f.column3(q);
  t11 += f.column6(q);
  t12 -= q << 21;
  let t13 = q << 24;
  t6 -= a4 * i64(load<i32>(b, 8));
  t6 -= a5 * i64(load<i32>(b, 4));
  t7 -= a4 * i64(load<i32>(b, 12));
  t7 -= a5 * i64(load<i32>(b, 8));
  t8 -= a4 * i64(load<i32>(b, 16));
  t8 -= a5 * i64(load<i32>(b, 12));
  t9 -= a4 * i64(load<i32>(b, 20));
  t9 -= a5 * i64(load<i32>(b, 16));
  t10 -= a4 * i64(load<i32>(b, 24));
  t10 -= a5 * i64(load<i32>(b, 20));
  t11 -= a4 * i64(load<i32>(b, 28));
  t11 -= a5 * i64(load<i32>(b, 24));
  t12 -= a4 * i64(load<i32>(b, 32));
  t12 -= a5 * i64(load<i32>(b, 28));
  t13 -= a5 * i64(load<i32>(b, 32));
  // Rows 6 and 7
  const a6 = i64(load<i32>(a, 24));
  const a7 = i64(load<i32>(a, 28));
  t6 -= a6 * i64(load<i32>(b));
  q = t6 & MASK;
  t7 += t6 >> LIMB_BITS;
  t8 += f.column2(q);
  t9 += f.column3(q);
  t12 += f.column6(q);
  t13 -= q << 21;
  let t14 = q << 24;
  t7 -= a6 * i64(load<i32>(b, 4));
  t7 -= a7 * i64(load<i32>(b));
  q = t7 & MASK;
  t8 += t7 >> LIMB_BITS;
  t9 += f.column2(q);
  t10 += f.column3(q);
  t13 += f.column6(q);
  t14 -= q << 21;
  let t15 = q << 24;
  t8 -= a6 * i64(load<i32>(b, 8));
  t8 -= a7 * i64(load<i32>(b, 4));
  t9 -= a6 * i64(load<i32>(b, 12));
  t9 -= a7 * i64(load<i32>(b, 8));
  t10 -= a6 * i64(load<i32>(b, 16));
  t10 -= a7 * i64(load<i32>(b, 12));
  t11 -= a6 * i64(load<i32>(b, 20));
  t11 -= a7 * i64(load<i32>(b, 16));
  t12 -= a6 * i64(load<i32>(b, 24));
  t12 -= a7 * i64(load<i32>(b, 20));
  t13 -= a6 * i64(load<i32>(b, 28));
  t13 -= a7 * i64(load<i32>(b, 24));
  t14 -= a6 * i64(load<i32>(b, 32));
  t14 -= a7 * i64(load<i32>(b, 28));
  t15 -= a7 * i64(load<i32>(b, 32));
  // Row 8
  const a8 = i64(load<i32>(a, 32));
  t8 -= a8 * i64(load<i32>(b));
  q = t8 & MASK;
  t9 += t8 >> LIMB_BITS;
  t10 += f.column2(q);
  t11 += f.column3(q);
  t14 += f.column6(q);
  t15 -= q << 21;
  let t16 = q << 24;
  t9 -= a8 * i64(load<i32>(b, 4));
  t10 -= a8 * i64(load<i32>(b, 8));
  t11 -= a8 * i64(load<i32>(b, 12));
  t12 -= a8 * i64(load<i32>(b, 16));
  t13 -= a8 * i64(load<i32>(b, 20));
  t14 -= a8 * i64(load<i32>(b, 24));
  t15 -= a8 * i64(load<i32>(b, 28));
  t16 -= a8 * i64(load<i32>(b, 32));
  // The columns from the ninth on, negated again: the product divided by R.
  q = -t9;
  store<i32>(out, i32(q & MASK));
  q = (q >> LIMB_BITS) - t10;
  store<i32>(out, i32(q & MASK), 4);
  q = (q >> LIMB_BITS) - t11;
  store<i32>(out, i32(q & MASK), 8);
  q = (q >> LIMB_BITS) - t12;
  store<i32>(out, i32(q & MASK), 12);
  q = (q >> LIMB_BITS) - t13;
  store<i32>(out, i32(q & MASK), 16);
  q = (q >> LIMB_BITS) - t14;
  store<i32>(out, i32(q & MASK), 20);
  q = (q >> LIMB_BITS) - t15;
  store<i32>(out, i32(q & MASK), 24);
  q = (q >> LIMB_BITS) - t16;
  store<i32>(out, i32(q & MASK), 28);
  store<i32>(out, i32(q >> LIMB_BITS), 32);
}

/** out = a * a / R mod p. out may be a. */
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
  let q: i64;
  // Rows 0 and 1
  const d0 = a0 << 1;
  const d1 = a1 << 1;
  let t0 = -(a0 * a0);
  let t1 = -(d0 * a1);
  let t2 = -(d0 * a2);
  t2 -= a1 * a1;
  let t3 = -(d0 * a3);
  t3 -= d1 * a2;
  let t4 = -(d0 * a4);
  t4 -= d1 * a3;
  let t5 = -(d0 * a5);
  t5 -= d1 * a4;
  let t6 = -(d0 * a6);
  t6 -= d1 * a5;
  let t7 = -(d0 * a7);
  t7 -= d1 * a6;
  let t8 = -(d0 * a8);
  t8 -= d1 * a7;
  let t9 = -(d1 * a8);
  q = t0 & MASK;
  t1 += t0 >> LIMB_BITS;
  t2 += f.column2(q);
  t3 += f.column3(q);
  t6 += f.column6(q);
  t7 -= q << 21;
  t8 += q << 24;
  q = t1 & MASK;
  t2 += t1 >> LIMB_BITS;
  t3 += f.column2(q);
  t4 += f.column3(q);
  t7 += f.column6(q);
  t8 -= q << 21;
  t9 += q << 24;
  // Rows 2 and 3
  const d2 = a2 << 1;
  const d3 = a3 << 1;
  t4 -= a2 * a2;
  t5 -= d2 * a3;
  t6 -= d2 * a4;
  t6 -= a3 * a3;
  t7 -= d2 * a5;
  t7 -= d3 * a4;
  t8 -= d2 * a6;
  t8 -= d3 * a5;
  t9 -= d2 * a7;
  t9 -= d3 * a6;
  let t10 = -(d2 * a8);
  t10 -= d3 * a7;
  let t11 = -(d3 * a8);
  q = t2 & MASK;
  t3 += t2 >> LIMB_BITS;
  t4 += f.column2(q);
  t5 += f.column3(q);
  t8 += f.column6(q);
  t9 -= q << 21;
  t10 += q << 24;
  q = t3 & MASK;
  t4 += t3 >> LIMB_BITS;
  t5 += f.column2(q);
  t6 += f.column3(q);
  t9 += f.column6(q);
  t10 -= q << 21;
  t11 += q << 24;
  // Rows 4 and 5
  const d4 = a4 << 1;
  const d5 = a5 << 1;
  t8 -= a4 * a4;
  t9 -= d4 * a5;
  t10 -= d4 * a6;
  t10 -= a5 * a5;
  t11 -= d4 * a7;
  t11 -= d5 * a6;
  let t12 = -(d4 * a8);
  t12 -= d5 * a7;
  let t13 = -(d5 * a8);
  q = t4 & MASK;
  t5 += t4 >> LIMB_BITS;
  t6 += f.column2(q);
  t7 += f.column3(q);
  t10 += f.column6(q);
  t11 -= q << 21;
  t12 += q << 24;
  q = t5 & MASK;
  t6 += t5 >> LIMB_BITS;
  t7 += f.column2(q);
  t8 += f.column3(q);
  t11 += f.column6(q);
  t12 -= q << 21;
  t13 += q << 24;
  // Rows 6 and 7
  const d6 = a6 << 1;
  const d7 = a7 << 1;
  t12 -= a6 * a6;
  t13 -= d6 * a7;
  let t14 = -(d6 * a8);
  t14 -= a7 * a7;
  let t15 = -(d7 * a8);
  q = t6 & MASK;
  t7 += t6 >> LIMB_BITS;
  t8 += f.column2(q);
  t9 += f.column3(q);
  t12 += f.column6(q);
  t13 -= q << 21;
  t14 += q << 24;
  q = t7 & MASK;
  t8 += t7 >> LIMB_BITS;
  t9 += f.column2(q);
  t10 += f.column3(q);
  t13 += f.column6(q);
  t14 -= q << 21;
  t15 += q << 24;
  // Row 8
  let t16 = -(a8 * a8);
  q = t8 & MASK;
  t9 += t8 >> LIMB_BITS;
  t10 += f.column2(q);
  t11 += f.column3(q);
  t14 += f.column6(q);
  t15 -= q << 21;
  t16 += q << 24;
  // The columns from the ninth on, negated again: the product divided by R.
  q = -t9;
  store<i32>(out, i32(q & MASK));
  q = (q >> LIMB_BITS) - t10;
  store<i32>(out, i32(q & MASK), 4);
  q = (q >> LIMB_BITS) - t11;
  store<i32>(out, i32(q & MASK), 8);
  q = (q >> LIMB_BITS) - t12;
  store<i32>(out, i32(q & MASK), 12);
  q = (q >> LIMB_BITS) - t13;
  store<i32>(out, i32(q & MASK), 16);
  q = (q >> LIMB_BITS) - t14;
  store<i32>(out, i32(q & MASK), 20);
  q = (q >> LIMB_BITS) - t15;
  store<i32>(out, i32(q & MASK), 24);
  q = (q >> LIMB_BITS) - t16;
  store<i32>(out, i32(q & MASK), 28);
  store<i32>(out, i32(q >> LIMB_BITS), 32);
}
