// What depends on the modulus p in Montgomery reduction (multiplyIn and squareIn of field-product.ts) and
// in combineIn of field.ts: a class for each p, their type argument.
//
// Reduction clears column i by adding q p at its weight. p = -1 mod 2^29, so q is the low 29 bits of
// the column: the -q of q p clears it, and the other powers of two in p fall on columns further up:
// 2^256 eight columns on at bit 24 and -2^224 seven columns on at bit 21 for both, the rest here.
//
// The functions take no notice of `this`.

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
    return q * -0x200;
  }

  @inline column6(_q: i64): i64 {
    return 0;
  }
}
