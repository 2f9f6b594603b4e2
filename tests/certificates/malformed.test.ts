/** 100,000 spoilt chains from one seed: never a throw, and never "ok" unless nothing was spoilt. */
import { expect, test } from "bun:test";

import { verifyCardChain } from "#edge/secure-connection/card-certificate";

import { concatBytes } from "#protocol/bytes";

import { CARD_ID, makeChain, nodeTools, NOW } from "./chain-fixture.ts";

const INPUTS = 100_000;
const TIMEOUT_MILLISECONDS = 60_000;
const SEED = 0x51_4c_41_54;

/** mulberry32: small, and the same everywhere. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return function next(below) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Random = ReturnType<typeof createRandom>;
type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

const structures = new WeakMap<Uint8Array, number[]>();

/** Places of tags and lengths: where a parser can be led astray. */
function structureOf(bytes: Uint8Array): number[] {
  const known = structures.get(bytes);
  if (known !== undefined) return known;
  const places: number[] = [];
  for (let i = 0; i + 1 < bytes.length; i++) {
    if ([0x30, 0x31, 0x03, 0x04, 0x06, 0x17, 0xa0, 0xa3].includes(bytes[i] ?? 0)) {
      places.push(i, i + 1);
    }
  }
  structures.set(bytes, places);
  return places;
}

function setByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[at] = value;
  return copy;
}

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  flipBit: (bytes, random) => {
    const at = random(bytes.length);
    return setByte(bytes, at, (bytes[at] ?? 0) ^ (1 << random(8)));
  },
  setStructure: (bytes, random) => {
    const places = structureOf(bytes);
    return setByte(bytes, places[random(places.length)] ?? 0, random(256));
  },
  lengthForm: (bytes, random) => {
    const forms = [0x80, 0x81, 0x82, 0x83, 0x84, 0xff, 0x00, 0x7f];
    const places = structureOf(bytes);
    return setByte(bytes, (places[random(places.length)] ?? 0) | 1, forms[random(8)] ?? 0);
  },
  truncate: (bytes, random) => bytes.slice(0, random(bytes.length)),
  extend: (bytes, random) => {
    const tail = Uint8Array.from({ length: 1 + random(40) }, () => random(256));
    return concatBytes(bytes, tail);
  },
  remove: (bytes, random) => {
    const at = random(bytes.length);
    const count = 1 + random(6);
    return concatBytes(bytes.subarray(0, at), bytes.subarray(at + count));
  },
  repeat: (bytes, random) => {
    const at = random(bytes.length);
    const part = bytes.subarray(at, at + 1 + random(30));
    return concatBytes(bytes.subarray(0, at), part, bytes.subarray(at));
  },
  noise: (_bytes, random) => Uint8Array.from({ length: random(700) }, () => random(256)),
  nested: (_bytes, random) => {
    const depth = random(1200);
    return Uint8Array.from({ length: 2 * depth }, (_, i) => (i % 2 === 0 ? 0x30 : 0x80));
  },
};

test(
  "malformed chains are refused, whatever they are",
  () => {
    const random = createRandom(SEED);
    const chain = makeChain();
    const originals = [...chain.certificates, ...chain.roots];
    const mutations = Object.values(MUTATIONS);
    const outcomes = new Map<string, number>();
    let unchanged = 0;
    for (let i = 0; i < INPUTS; i++) {
      const link = random(originals.length);
      const original = originals[link] ?? new Uint8Array(0);
      const mutate = mutations[i % mutations.length] ?? MUTATIONS["noise"];
      const spoilt = mutate?.(original, random) ?? original;
      const all = originals.with(link, spoilt);
      const outcome = verifyCardChain(nodeTools, {
        certificates: all.slice(0, 3),
        roots: all.slice(3),
        cardId: CARD_ID,
        family: "ECDSA",
        now: NOW,
      });
      const isSame = Buffer.from(spoilt).equals(Buffer.from(original));
      if (isSame) unchanged += 1;
      if (outcome.ok !== isSame)
        throw new Error(`${mutate?.name} ${i}: ${JSON.stringify(outcome)}`);
      const word = outcome.ok ? "ok" : outcome.reason;
      outcomes.set(word, (outcomes.get(word) ?? 0) + 1);
    }
    process.stdout.write(
      `${INPUTS} malformed chains: ${JSON.stringify(Object.fromEntries(outcomes))}\n`,
    );
    expect(outcomes.get("ok") ?? 0).toBe(unchanged);
    // The mutations reach every depth: parsing, names, authority, and the signatures themselves.
    for (const reason of ["chain_malformed", "issuer_unknown", "signature_invalid"]) {
      expect(outcomes.get(reason) ?? 0).toBeGreaterThan(INPUTS / 100);
    }
  },
  TIMEOUT_MILLISECONDS,
);
