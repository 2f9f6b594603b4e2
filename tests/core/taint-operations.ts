// Integer instructions of WebAssembly 3.0 chapter 4.3 on public values: i32 as number, i64 as
// bigint. Those of vectors are named with how many operands they take; their values do not matter
// to the walk.

export type Scalar = number | bigint;

const wide = (value: bigint): bigint => BigInt.asIntN(64, value);
const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);
const number = (test: boolean): number => (test ? 1 : 0);

const rotate32 = (a: number, bits: number): number => (a << (bits & 31)) | (a >>> (-bits & 31));
const rotate64 = (a: bigint, bits: bigint): bigint => {
  const shift = bits & 63n;
  return wide((a << shift) | (unsigned(a) >> (64n - shift)));
};

const NARROW: ReadonlyArray<[opcode: number, run: (a: number, b: number) => number]> = [
  [0x46, (a, b) => number(a === b)],
  [0x47, (a, b) => number(a !== b)],
  [0x48, (a, b) => number(a < b)],
  [0x49, (a, b) => number(a >>> 0 < b >>> 0)],
  [0x4a, (a, b) => number(a > b)],
  [0x4b, (a, b) => number(a >>> 0 > b >>> 0)],
  [0x4c, (a, b) => number(a <= b)],
  [0x4d, (a, b) => number(a >>> 0 <= b >>> 0)],
  [0x4e, (a, b) => number(a >= b)],
  [0x4f, (a, b) => number(a >>> 0 >= b >>> 0)],
  [0x6a, (a, b) => (a + b) | 0],
  [0x6b, (a, b) => (a - b) | 0],
  [0x6c, (a, b) => Math.imul(a, b)],
  [0x6d, (a, b) => (a / b) | 0],
  [0x6e, (a, b) => ((a >>> 0) / (b >>> 0)) | 0],
  [0x6f, (a, b) => (a % b) | 0],
  [0x70, (a, b) => ((a >>> 0) % (b >>> 0)) | 0],
  [0x71, (a, b) => a & b],
  [0x72, (a, b) => a | b],
  [0x73, (a, b) => a ^ b],
  [0x74, (a, b) => a << b],
  [0x75, (a, b) => a >> b],
  [0x76, (a, b) => (a >>> b) | 0],
  [0x77, rotate32],
  [0x78, (a, b) => rotate32(a, -b)],
];

const WIDE: ReadonlyArray<[opcode: number, run: (a: bigint, b: bigint) => Scalar]> = [
  [0x51, (a, b) => number(a === b)],
  [0x52, (a, b) => number(a !== b)],
  [0x53, (a, b) => number(a < b)],
  [0x54, (a, b) => number(unsigned(a) < unsigned(b))],
  [0x55, (a, b) => number(a > b)],
  [0x56, (a, b) => number(unsigned(a) > unsigned(b))],
  [0x7c, (a, b) => wide(a + b)],
  [0x7d, (a, b) => wide(a - b)],
  [0x7e, (a, b) => wide(a * b)],
  [0x7f, (a, b) => wide(a / b)],
  [0x80, (a, b) => wide(unsigned(a) / unsigned(b))],
  [0x81, (a, b) => wide(a % b)],
  [0x82, (a, b) => wide(unsigned(a) % unsigned(b))],
  [0x83, (a, b) => a & b],
  [0x84, (a, b) => a | b],
  [0x85, (a, b) => a ^ b],
  [0x86, (a, b) => wide(a << (b & 63n))],
  [0x87, (a, b) => a >> (b & 63n)],
  [0x88, (a, b) => wide(unsigned(a) >> (b & 63n))],
  [0x89, rotate64],
  [0x8a, (a, b) => rotate64(a, -b & 63n)],
];

/** Instructions of two operands of the same type. */
export const BINARY: ReadonlyMap<number, (a: Scalar, b: Scalar) => Scalar> = new Map([
  ...NARROW.map(
    ([opcode, run]) => [opcode, (a: Scalar, b: Scalar) => run(Number(a), Number(b))] as const,
  ),
  ...WIDE.map(
    ([opcode, run]) => [opcode, (a: Scalar, b: Scalar) => run(BigInt(a), BigInt(b))] as const,
  ),
]);

/** eqz, wrap, extend. */
export const UNARY: ReadonlyMap<number, (a: Scalar) => Scalar> = new Map<
  number,
  (a: Scalar) => Scalar
>([
  [0x45, (a) => number(a === 0)],
  [0x50, (a) => number(a === 0n)],
  [0xa7, (a) => Number(BigInt.asIntN(32, BigInt(a)))],
  [0xac, (a) => BigInt(a)],
  [0xad, (a) => BigInt(Number(a) >>> 0)],
  [0xc0, (a) => (Number(a) << 24) >> 24],
  [0xc1, (a) => (Number(a) << 16) >> 16],
]);

/** i32 and i64 division and remainder: their time depends on the operands. */
export const DIVISIONS: ReadonlySet<number> = new Set([
  0x6d, 0x6e, 0x6f, 0x70, 0x7f, 0x80, 0x81, 0x82,
]);

/** Bytes read or written, and whether the value is wide, and whether a load extends the sign. */
export const LOADS: ReadonlyMap<number, { bytes: number; wide: boolean; signed: boolean }> =
  new Map([
    [0x28, { bytes: 4, wide: false, signed: true }],
    [0x29, { bytes: 8, wide: true, signed: true }],
    [0x2c, { bytes: 1, wide: false, signed: true }],
    [0x2d, { bytes: 1, wide: false, signed: false }],
    [0x2e, { bytes: 2, wide: false, signed: true }],
    [0x2f, { bytes: 2, wide: false, signed: false }],
    [0x31, { bytes: 1, wide: true, signed: false }],
    [0x33, { bytes: 2, wide: true, signed: false }],
    [0x34, { bytes: 4, wide: true, signed: true }],
    [0x35, { bytes: 4, wide: true, signed: false }],
  ]);

export const STORES: ReadonlyMap<number, number> = new Map([
  [0x36, 4],
  [0x37, 8],
  [0x3a, 1],
  [0x3b, 2],
  [0x3c, 1],
  [0x3d, 2],
  [0x3e, 4],
]);

/** Bytes read or written by vector instructions. */
export const VECTOR_LOADS: ReadonlyMap<number, number> = new Map([
  [0xfd00, 16],
  [0xfd0a, 8],
  [0xfd5c, 4],
  [0xfd5d, 8],
]);
export const VECTOR_STORES: ReadonlyMap<number, number> = new Map([[0xfd0b, 16]]);

const VECTOR_UNARY = [0xfd0f, 0xfd10, 0xfd11, 0xfd12, 0xfd16, 0xfd1b, 0xfd1d, 0xfd4d];
const VECTOR_BINARY = [
  0xfd0d, 0xfd0e, 0xfd0100, 0xfd17, 0xfd1c, 0xfd1e, 0xfd23, 0xfd26, 0xfd4e, 0xfd4f, 0xfd50, 0xfd51,
  0xfd6b, 0xfd6d, 0xfd6e, 0xfd71, 0xfdab, 0xfdad, 0xfdae, 0xfdcb, 0xfdcd, 0xfdce,
];

/** How many operands a vector instruction without memory takes. */
export const VECTOR_OPERANDS: ReadonlyMap<number, number> = new Map([
  ...VECTOR_UNARY.map((opcode) => [opcode, 1] as const),
  ...VECTOR_BINARY.map((opcode) => [opcode, 2] as const),
]);
