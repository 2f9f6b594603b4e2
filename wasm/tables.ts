// Derives every table of the core from its definition and writes the generated assembly files.
//
//   bun wasm/tables.ts            rewrite wasm/assembly/tables-{aes,sha256}.ts
//
// AES (FIPS 197): the S-box is inversion in GF(2^8), section 5.1.1, followed by an affine map. A byte
// permutation instruction looks up 16 entries at once without touching memory by a secret index, so
// the inversion is brought down to nibbles with the tower GF((2^4)^2) (the approach of M. Hamburg,
// "Accelerating AES with Vector Permute Instructions", CHES 2009):
//
//   x = i + k*sBar, j = i + k, s and sBar the conjugate roots of t^2 + t + 1/a over GF(2^4)
//   io = 1/(1/i + a/k) + j,  jo = 1/(1/j + a/k) + i
//   1/x = (sBar*(1+a) + s)/(a*io) + (sBar + s*(1+a))/(a*jo)
//
// Division by zero gives INFINITY, an index with its top bit set, for which a lookup yields 0.
//
// SHA-256 (FIPS 180-4): the constants are fractions of roots of primes.

const AES_POLYNOMIAL = 0x11b; // m(x) = x^8 + x^4 + x^3 + x + 1, FIPS 197 section 4.2
const AFFINE_CONSTANT = 0x63; // FIPS 197 section 5.1.1
const RCON_COUNT = 14; // AES-128 takes ten (FIPS 197 section 5), Rijndael with 256-bit blocks all
const INFINITY = 0x80; // top bit set: a vector lookup with this index gives 0

/** Product in GF(2^8), FIPS 197 section 4.2. */
export function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 0; bit < 8; bit += 1) {
    if ((b >> bit) & 1) product ^= a << bit;
  }
  for (let bit = 14; bit >= 8; bit -= 1) {
    if ((product >> bit) & 1) product ^= AES_POLYNOMIAL << (bit - 8);
  }
  return product;
}

function power(base: number, exponent: number): number {
  let result = 1;
  for (let step = 0; step < exponent; step += 1) result = multiply(result, base);
  return result;
}

/** Inverse in GF(2^8); 0 for 0, as SubBytes wants it. */
export function invert(x: number): number {
  return power(x, 254);
}

/** The linear part of the affine map of SubBytes, FIPS 197 equation (5.2). */
export function affineLinear(b: number): number {
  let result = 0;
  for (let i = 0; i < 8; i += 1) {
    const bit = (b >> i) ^ (b >> ((i + 4) % 8)) ^ (b >> ((i + 5) % 8));
    result |= ((bit ^ (b >> ((i + 6) % 8)) ^ (b >> ((i + 7) % 8))) & 1) << i;
  }
  return result;
}

/** A nibble for each element of the subfield GF(2^4), so that addition is exclusive or. */
function subfieldElements(): number[] {
  let generator = 2;
  while (power(generator, 15) !== 1 || power(generator, 5) === 1 || power(generator, 3) === 1) {
    generator += 1;
  }
  return Array.from({ length: 16 }, (_, nibble) => {
    let element = 0;
    for (let bit = 0; bit < 4; bit += 1) {
      if ((nibble >> bit) & 1) element ^= power(generator, bit);
    }
    return element;
  });
}

export function at(table: readonly number[], index: number): number {
  const value = table[index];
  if (value === undefined) throw new RangeError(`table index ${index}`);
  return value;
}

type AesTables = Record<string, { note: string; bytes: number[] }>;

/** The twelve 16-entry tables, each checked against the S-box of FIPS 197 before it is returned. */
export function aesTables(): { tables: AesTables; toTower: (byte: number) => number } {
  const element = subfieldElements();
  const nibbleOf = new Map(element.map((value, nibble) => [value, nibble]));
  const a = element.slice(1).find((candidate) => {
    return element.every((t) => (multiply(t, t) ^ t) !== invert(candidate));
  });
  if (a === undefined) throw new Error("no irreducible polynomial t^2 + t + 1/a");
  const inverseOfA = invert(a);
  let s = 2;
  while ((multiply(s, s) ^ s) !== inverseOfA) s += 1;
  const sBar = s ^ 1;

  // The byte (i << 4 | k) stands for i + k*sBar.
  const fromTower = (tower: number): number =>
    at(element, tower >> 4) ^ multiply(at(element, tower & 15), sBar);
  const towerOf = new Map(Array.from({ length: 256 }, (_, tower) => [fromTower(tower), tower]));
  const toTower = (byte: number): number => towerOf.get(byte) ?? -1;

  const nibbles = Array.from({ length: 16 }, (_, n) => n);
  const divide = (numerator: number): number[] =>
    nibbles.map((n) =>
      n === 0 ? INFINITY : (nibbleOf.get(multiply(numerator, invert(at(element, n)))) ?? -1),
    );
  const factorI = multiply(multiply(sBar, 1 ^ a) ^ s, inverseOfA);
  const factorJ = multiply(sBar ^ multiply(s, 1 ^ a), inverseOfA);
  const substitute = (factor: number, finish: (byte: number) => number): number[] =>
    nibbles.map((n) => finish(affineLinear(multiply(factor, invert(at(element, n))))));
  const double = (byte: number): number => toTower(multiply(2, byte));
  const tables: AesTables = {
    INVERSE: { note: "1/n in GF(2^4)", bytes: divide(1) },
    A_OVER: { note: "a/n in GF(2^4)", bytes: divide(a) },
    SUB_I: {
      note: "SubBytes without 63, from io, tower basis",
      bytes: substitute(factorI, toTower),
    },
    SUB_J: { note: "the same from jo", bytes: substitute(factorJ, toTower) },
    SUB2_I: {
      note: "{02} times SubBytes, from io, tower basis",
      bytes: substitute(factorI, double),
    },
    SUB2_J: { note: "the same from jo", bytes: substitute(factorJ, double) },
    LAST_I: {
      note: "SubBytes without 63, from io, plain basis",
      bytes: substitute(factorI, (b) => b),
    },
    LAST_J: { note: "the same from jo", bytes: substitute(factorJ, (b) => b) },
    TOWER_LOW: { note: "plain to tower basis, low nibble", bytes: nibbles.map(toTower) },
    TOWER_HIGH: { note: "the same, high nibble", bytes: nibbles.map((n) => toTower(n << 4)) },
    PLAIN_LOW: { note: "tower to plain basis, low nibble", bytes: nibbles.map(fromTower) },
    PLAIN_HIGH: { note: "the same, high nibble", bytes: nibbles.map((n) => fromTower(n << 4)) },
  };
  checkSubstitution(tables, toTower);
  return { tables, toTower };
}

/** Runs the nibble network over all 256 bytes and compares it with SubBytes as defined. */
function checkSubstitution(tables: AesTables, toTower: (byte: number) => number): void {
  const lookup = (name: string, index: number): number =>
    index & 0x80 ? 0 : at(tables[name]?.bytes ?? [], index & 15);
  for (let byte = 0; byte < 256; byte += 1) {
    const tower = toTower(byte);
    const i = tower >> 4;
    const k = tower & 15;
    const j = i ^ k;
    const ak = lookup("A_OVER", k);
    const io = lookup("INVERSE", lookup("INVERSE", i) ^ ak) ^ j;
    const jo = lookup("INVERSE", lookup("INVERSE", j) ^ ak) ^ i;
    const sub = affineLinear(invert(byte));
    const wanted = [toTower(sub), toTower(multiply(2, sub)), sub];
    ["SUB", "SUB2", "LAST"].forEach((name, index) => {
      if ((lookup(`${name}_I`, io) ^ lookup(`${name}_J`, jo)) !== wanted[index]) {
        throw new Error(`the table ${name} does not give SubBytes of ${byte}`);
      }
    });
  }
}

export function vector(bytes: readonly number[]): string {
  const words = [0, 4, 8, 12].map((offset) => {
    const hex = [3, 2, 1, 0].map((i) =>
      at(bytes, offset + i)
        .toString(16)
        .padStart(2, "0"),
    );
    return `0x${hex.join("")}`;
  });
  return `i32x4(${words.join(", ")})`;
}

const HEADER = "// Generated by wasm/tables.ts. Do not edit: change the generator and run it.\n";

/** The same byte in every lane. */
export function splat(byte: number): number[] {
  return Array.from({ length: 16 }, () => byte);
}

/** Text of wasm/assembly/tables-aes.ts. */
function generateAesTables(): string {
  const { tables, toTower } = aesTables();
  const lines = [
    HEADER +
      "// Nibble tables of AES-128 (FIPS 197); byte n of each vector is the entry for nibble n.\n",
  ];
  for (const [name, { note, bytes }] of Object.entries(tables)) {
    lines.push(`/** ${note} */\nexport const ${name}: v128 = ${vector(bytes)};`);
  }
  lines.push(
    `/** {63} of SubBytes in every byte, plain basis */`,
    `export const AFFINE_PLAIN: v128 = ${vector(splat(AFFINE_CONSTANT))};`,
    `/** {63} of SubBytes in every byte, tower basis */`,
    `export const AFFINE_TOWER: v128 = ${vector(splat(toTower(AFFINE_CONSTANT)))};`,
  );
  const network = ["INVERSE", "A_OVER", "SUB_I", "SUB_J", "SUB2_I", "SUB2_J"].flatMap(
    (name) => tables[name]?.bytes ?? [],
  );
  network.push(...splat(toTower(AFFINE_CONSTANT)));
  lines.push(
    "/** INVERSE, A_OVER, SUB_I, SUB_J, SUB2_I, SUB2_J and AFFINE_TOWER in memory, 16 bytes each */",
    `export const NETWORK: usize = ${dataSegment("u8", network.map(String), 16)};`,
  );
  const rcon = Array.from({ length: RCON_COUNT }, (_, round) => toTower(power(2, round)));
  lines.push(
    "/** Rcon[1..14] in the tower basis, one byte each; FIPS 197 section 5.2, Table 5 */",
    `export const RCON: usize = ${dataSegment("u8", rcon.map(String))};`,
  );
  return `${lines.join("\n")}\n`;
}

/** An array literal wrapped at 100 columns, as the formatter wraps it, at an aligned address. */
export function dataSegment(type: string, numbers: readonly string[], alignment?: number): string {
  const indent = alignment === undefined ? "" : "  ";
  const rows: string[] = [];
  let row = `${indent} `;
  for (const number of numbers) {
    if (row.length + number.length + 2 > 100) {
      rows.push(row);
      row = `${indent} `;
    }
    row += ` ${number},`;
  }
  rows.push(row);
  const list = `[\n${rows.join("\n")}\n${indent}]`;
  return alignment === undefined
    ? `memory.data<${type}>(${list})`
    : `memory.data<${type}>(\n  ${list},\n  ${alignment},\n)`;
}

/** The first `count` primes. */
function primes(count: number): bigint[] {
  const found: bigint[] = [];
  for (let candidate = 2n; found.length < count; candidate += 1n) {
    if (found.every((prime) => candidate % prime !== 0n)) found.push(candidate);
  }
  return found;
}

/** First 32 bits of the fraction of the `degree`-th root, FIPS 180-4 sections 4.2.2 and 5.3.3. */
function rootFraction(value: bigint, degree: bigint): string {
  const scaled = value << (32n * degree);
  let root = 0n;
  for (let bit = 1n << 40n; bit > 0n; bit >>= 1n) {
    if ((root + bit) ** degree <= scaled) root += bit;
  }
  return `0x${(root & 0xffffffffn).toString(16).padStart(8, "0")}`;
}

/** Text of wasm/assembly/tables-sha256.ts. */
function generateSha256Tables(): string {
  const roundConstants = primes(64).map((prime) => rootFraction(prime, 3n));
  const initialHash = primes(8).map((prime) => rootFraction(prime, 2n));
  return [
    `${HEADER}// Constants of SHA-256 (FIPS 180-4).\n`,
    "/** K{256}[0..63], section 4.2.2: fractions of the cube roots of the first 64 primes */",
    `export const K256: usize = ${dataSegment("u32", roundConstants)};\n`,
    "/** H(0), section 5.3.3: fractions of the square roots of the first 8 primes */",
    `export const INITIAL_HASH: usize = ${dataSegment("u32", initialHash)};\n`,
  ].join("\n");
}

/** Every generated file: name under wasm/assembly, and what it must contain. */
export const GENERATED_FILES: ReadonlyArray<{ name: string; generate: () => string }> = [
  { name: "tables-aes.ts", generate: generateAesTables },
  { name: "tables-sha256.ts", generate: generateSha256Tables },
];

if (import.meta.main) {
  for (const { name, generate } of GENERATED_FILES) {
    await Bun.write(`${import.meta.dir}/assembly/${name}`, generate());
  }
}
