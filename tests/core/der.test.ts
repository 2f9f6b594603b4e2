// The decoder of DER signatures on seeded malformed input: it never throws, and what it accepts
// encodes back to the same bytes, so that a signature has one form only.

import { expect, setDefaultTimeout, test } from "bun:test";
import { ecdsaDerToRaw } from "#wasm";
import { SeededRandom } from "./random.ts";

const SEED = 0xde2;
const CASES = 100_000;
const TIMEOUT_MILLISECONDS = 60_000; // seconds suffice; the machine may be busy
setDefaultTimeout(TIMEOUT_MILLISECONDS);

/** The one DER form of a number below 2^256, X.690 section 8.3. */
function encodeInteger(scalar: Uint8Array): number[] {
  const bytes = Array.from(scalar);
  while (bytes.length > 1 && bytes[0] === 0) bytes.shift();
  if ((bytes[0] ?? 0) >= 0x80) bytes.unshift(0);
  return [0x02, bytes.length, ...bytes];
}

function encode(raw: Uint8Array): Uint8Array {
  const body = [...encodeInteger(raw.subarray(0, 32)), ...encodeInteger(raw.subarray(32))];
  return Uint8Array.from([0x30, body.length, ...body]);
}

/** r || s with leading zeros of every number, as short integers are the interesting ones. */
function randomRaw(random: SeededRandom): Uint8Array {
  const raw = random.bytes(64);
  for (const start of [0, 32]) {
    if (random.below(2) === 0) raw.fill(0, start, start + random.below(33));
  }
  return raw;
}

const MUTATIONS: Array<(der: number[], random: SeededRandom) => void> = [
  (der, random) => (der[random.below(der.length)] = random.below(256)),
  (der, random) => (der[random.below(der.length)] = random.below(4)),
  (der, random) => der.splice(random.below(der.length), 1),
  (der, random) => der.splice(random.below(der.length + 1), 0, random.below(2) * random.below(256)),
  (der, random) => (der.length = random.below(der.length)),
  (der, random) => der.push(random.below(256)),
  // A zero before r, lengths adjusted: BER, but not DER unless r needs it.
  (der) => {
    der.splice(4, 0, 0);
    der[1] = (der[1] ?? 0) + 1;
    der[3] = (der[3] ?? 0) + 1;
  },
  (der) => der.splice(1, 1, 0x81, der[1] ?? 0), // the long form of the length
  (der) => der.splice(1, 1, 0x80, ...der.slice(2), 0, 0), // the indefinite form
  (der) => (der[4] = (der[4] ?? 0) ^ 0x80), // the sign of r
];

function makeInput(random: SeededRandom): Uint8Array {
  if (random.below(8) === 0) return random.bytes(random.below(80));
  const der = Array.from(encode(randomRaw(random)));
  const times = 1 + random.below(2);
  for (let time = 0; time < times; time += 1) {
    MUTATIONS[random.below(MUTATIONS.length)]?.(der, random);
    if (der.length === 0) break;
  }
  return Uint8Array.from(der);
}

test(`${CASES} malformed signatures`, () => {
  const random = new SeededRandom(SEED);
  let accepted = 0;
  for (let index = 0; index < CASES; index += 1) {
    const input = makeInput(random);
    const raw = ecdsaDerToRaw(input);
    if (raw === undefined) continue;
    accepted += 1;
    if (encode(raw).toHex() !== input.toHex()) throw new Error(`accepted ${input.toHex()}`);
  }
  // Some mutations leave a proper encoding of another number; both sides must occur.
  expect(accepted).toBeGreaterThan(CASES / 100);
  expect(accepted).toBeLessThan(CASES / 2);
  process.stdout.write(`DER: seed ${SEED}, ${CASES} inputs, ${accepted} accepted\n`);
});

test("every well-formed signature is accepted", () => {
  const random = new SeededRandom(SEED);
  for (let index = 0; index < CASES / 10; index += 1) {
    const raw = randomRaw(random);
    expect(ecdsaDerToRaw(encode(raw))?.toHex()).toBe(raw.toHex());
  }
});

const FULL = "7f".repeat(32);
const REFUSED: Array<[reason: string, der: string]> = [
  ["empty", ""],
  ["a SEQUENCE of nothing", "3000"],
  ["one INTEGER", "3003020101"],
  ["three INTEGERs", "3009020101020101020101"],
  ["an empty INTEGER", "30050200020101"],
  ["a negative r", "3006020180020101"],
  ["a negative s", "3006020101020180"],
  ["a padded r", "300702020001020101"],
  ["a padded s", "300702010102020001"],
  ["a padded zero", "300702020000020101"],
  ["the long form of the length", "308106020101020101"],
  ["the long form in r", "30070281010102010100"],
  ["the indefinite form", "30800201010201010000"],
  ["a trailing byte", "300602010102010100"],
  ["a trailing byte inside", "300702010102010100"],
  ["a SET", "3106020101020101"],
  ["an OCTET STRING", "3006040101020101"],
  ["r of 33 bytes", `3026022101${FULL}020101`],
  ["r beyond the end", "3006027f01020101"],
];

test.each(REFUSED)("refuses %s", (_reason, der) => {
  expect(ecdsaDerToRaw(Uint8Array.fromHex(der))).toBeUndefined();
});

test("refuses a number of 33 bytes whose first is not 00", () => {
  const body = `0221${"01".repeat(33)}020101`;
  expect(ecdsaDerToRaw(Uint8Array.fromHex(`3026${body}`))).toBeUndefined();
  expect(ecdsaDerToRaw(Uint8Array.fromHex(`3026022100${"81".repeat(32)}020101`))).toBeDefined();
});
