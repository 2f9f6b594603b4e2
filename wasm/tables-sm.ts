// Derives the tables of SM3 and SM4 from their definitions and writes wasm/assembly/tables-sm.ts.
//
//   bun wasm/tables-sm.ts
//
// SM4 (GB/T 32907-2016): the S-box is S(x) = M inv(M x + D3) + D3 in GF(2^8) modulo SM4_POLYNOMIAL,
// with the circulant bit matrix M of the row A7. All fields of 256 elements are isomorphic, so the
// inversion is the one of wasm/tables.ts, in the tower basis of AES: byte maps that are linear bring
// M x + D3 there, and the output tables of AES, freed of its affine map, bring the inverse back.

import {
  aesTables,
  affineLinear,
  at,
  dataSegment,
  invert as invertAes,
  multiply as multiplyAes,
  splat,
  vector,
} from "./tables.ts";

const SM4_POLYNOMIAL = 0x1f5; // x^8 + x^7 + x^6 + x^5 + x^4 + x^2 + 1
const SM4_ROW = 0xa7; // output bit 0 of M is the parity of x & A7; each next row is turned by one
const SM4_CONSTANT = 0xd3;
const SM4_ROUNDS = 32;
/** S(00)..S(0F) as GB/T 32907-2016 section 6.2 prints them. */
const SM4_FIRST_ROW = "d690e9fecce13db716b614c228fb2c05";
/** System parameter FK, section 7.3.2, and the four bytes of CK(i): (4i + j) * 7 mod 256. */
const SM4_FK = [0xa3b1bac6, 0x56aa3350, 0x677d9197, 0xb27022dc];
const SM4_CK_FACTOR = 7;
/** IV of SM3, GB/T 32905-2016 section 4.1. */
const SM3_IV = "7380166f4914b2b9172442d7da8a0600a96f30bc163138aae38dee4db0fb0e4e";

const BYTES = Array.from({ length: 256 }, (_, byte) => byte);
const NIBBLES = BYTES.slice(0, 16);

/** Product in GF(2^8) modulo SM4_POLYNOMIAL. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product <<= 1;
    if (product & 0x100) product ^= SM4_POLYNOMIAL;
    if ((b >> bit) & 1) product ^= a;
  }
  return product;
}

function parity(x: number): number {
  let rest = x;
  rest ^= rest >> 4;
  rest ^= rest >> 2;
  return (rest ^ (rest >> 1)) & 1;
}

/** M x: row n of the matrix is SM4_ROW turned left by n. */
function mapLinear(x: number): number {
  let result = 0;
  for (let n = 0; n < 8; n += 1) {
    const row = ((SM4_ROW << n) | (SM4_ROW >> (8 - n))) & 0xff;
    result |= parity(x & row) << n;
  }
  return result;
}

/** S(x) by its definition. */
function substitute(x: number): number {
  const y = mapLinear(x) ^ SM4_CONSTANT;
  const inverse = BYTES.find((candidate) => multiply(y, candidate) === 1) ?? 0;
  return mapLinear(inverse) ^ SM4_CONSTANT;
}

/** base^exponent in the field of AES. */
function power(base: number, exponent: number): number {
  const factors = Array.from({ length: exponent }, () => base);
  return factors.reduce((value, factor) => multiplyAes(value, factor), 1);
}

/** The polynomial over GF(2) at a point of the field of AES; bit n is the coefficient of x^n. */
function evaluate(polynomial: number, point: number): number {
  return Array.from({ length: 9 }, (_, n) => n)
    .filter((n) => (polynomial >> n) & 1)
    .reduce((sum, n) => sum ^ power(point, n), 0);
}

/** x of SM4's field as an element of AES's: x^i goes to root^i. */
function isomorphism(): (x: number) => number {
  const root = BYTES.find((candidate) => evaluate(SM4_POLYNOMIAL, candidate) === 0);
  if (root === undefined) throw new Error("no root of the polynomial of SM4 in the field of AES");
  return (x) => evaluate(x, root);
}

/** The map that undoes a map of bytes. */
function inverseOf(map: (byte: number) => number): (byte: number) => number {
  const table = new Map(BYTES.map((byte) => [map(byte), byte]));
  return (byte) => table.get(byte) ?? -1;
}

/** A vector lookup: an index with its top bit set gives 0. */
function lookup(table: readonly number[], index: number): number {
  return index & 0x80 ? 0 : at(table, index & 15);
}

interface Sm4Tables {
  inLow: number[];
  inHigh: number[];
  inConstant: number;
  outI: number[];
  outJ: number[];
}

/** The nibble tables of SubBytes of SM4, checked against the S-box before they are returned. */
function sm4Tables(): Sm4Tables {
  const { tables, toTower } = aesTables();
  const toAes = isomorphism();
  const fromAes = inverseOf(toAes);
  const withoutAffine = inverseOf(affineLinear);
  const into = (x: number): number => toTower(toAes(mapLinear(x)));
  const out = (name: string): number[] =>
    (tables[name]?.bytes ?? []).map((entry) => mapLinear(fromAes(withoutAffine(entry))));
  const result = {
    inLow: NIBBLES.map(into),
    inHigh: NIBBLES.map((n) => into(n << 4)),
    inConstant: toTower(toAes(SM4_CONSTANT)),
    outI: out("LAST_I"),
    outJ: out("LAST_J"),
  };
  const inverses = tables["INVERSE"]?.bytes ?? [];
  const aOver = tables["A_OVER"]?.bytes ?? [];
  for (const x of BYTES) {
    const tower = at(result.inLow, x & 15) ^ at(result.inHigh, x >> 4) ^ result.inConstant;
    const k = tower & 15;
    const i = tower >> 4;
    const j = i ^ k;
    const io = lookup(inverses, lookup(inverses, i) ^ lookup(aOver, k)) ^ j;
    const jo = lookup(inverses, lookup(inverses, j) ^ lookup(aOver, k)) ^ i;
    const found = lookup(result.outI, io) ^ lookup(result.outJ, jo) ^ SM4_CONSTANT;
    if (found !== substitute(x)) throw new Error(`the tables do not give S(${x})`);
  }
  return result;
}

function checkDefinition(): void {
  const row = Uint8Array.from(NIBBLES, substitute).toHex();
  if (row !== SM4_FIRST_ROW) throw new Error(`the S-box of SM4 begins ${row}`);
  if (!BYTES.slice(1).every((x) => multiplyAes(x, invertAes(x)) === 1)) throw new Error("inverse");
}

function words(values: readonly number[]): string[] {
  return values.map((value) => `0x${(value >>> 0).toString(16).padStart(8, "0")}`);
}

/** Text of wasm/assembly/tables-sm.ts. */
function generateSmTables(): string {
  checkDefinition();
  const tables = sm4Tables();
  const ck = Array.from({ length: SM4_ROUNDS }, (_, i) =>
    [0, 1, 2, 3].reduce((word, j) => (word << 8) | (((4 * i + j) * SM4_CK_FACTOR) % 256), 0),
  );
  const iv = (SM3_IV.match(/.{8}/gu) ?? []).map((word) => `0x${word}`);
  const vectors: Array<[note: string, name: string, bytes: number[]]> = [
    ["M x in the tower basis, low nibble of x", "SM4_IN_LOW", tables.inLow],
    ["the same, high nibble", "SM4_IN_HIGH", tables.inHigh],
    ["{D3} in the tower basis, in every byte", "SM4_IN_CONSTANT", splat(tables.inConstant)],
    ["M times the inverse, from io", "SM4_OUT_I", tables.outI],
    ["the same from jo", "SM4_OUT_J", tables.outJ],
    ["{D3} in every byte", "SM4_OUT_CONSTANT", splat(SM4_CONSTANT)],
  ];
  return [
    "// Generated by wasm/tables-sm.ts. Do not edit: change the generator and run it.",
    "// Constants of SM3 (GB/T 32905-2016) and SM4 (GB/T 32907-2016).\n",
    "/** IV of SM3, section 4.1 */",
    `export const INITIAL_SM3: usize = ${dataSegment("u32", iv)};\n`,
    ...vectors.map(
      ([note, name, bytes]) => `/** ${note} */\nexport const ${name}: v128 = ${vector(bytes)};`,
    ),
    "\n/** FK of SM4, section 7.3.2 */",
    `export const SM4_FK: usize = memory.data<u32>([${words(SM4_FK).join(", ")}]);\n`,
    "/** CK(0)..CK(31) of SM4, section 7.3.2 */",
    `export const SM4_CK: usize = ${dataSegment("u32", words(ck))};\n`,
  ].join("\n");
}

/** Generated files: name under wasm/assembly, and what it must contain. */
export const GENERATED_SM_FILES: ReadonlyArray<{ name: string; generate: () => string }> = [
  { name: "tables-sm.ts", generate: generateSmTables },
];

if (import.meta.main) {
  for (const { name, generate } of GENERATED_SM_FILES) {
    await Bun.write(`${import.meta.dir}/assembly/${name}`, generate());
  }
}
