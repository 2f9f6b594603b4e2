/**
 * Bodies of peers, damaged as JSON and as bytes: every decoder answers with a value of the right
 * lengths or with a reason, and never throws.
 */
import { expect, test } from "bun:test";
import { decodeLookup } from "#edge/directory/profile-answer";
import {
  decodeAuthenticationInfoResult,
  decodeCause,
  decodeHssAuthenticationInfoResult,
  type NudmVector,
} from "#edge/nudm/messages";
import { type Result, success } from "#protocol/result";
import { NUMBER, PROFILE } from "#tests/directory/scene";
import {
  encodeAv5GHeAka,
  encodeAvEapAkaPrime,
  encodeAvImsGbaEapAka,
  generateQuintet,
} from "#tests/emulators/udm/vectors";
import { createSeeded, damageBytes, type Seeded } from "#tests/terminal/seeded";
import { IMSI, NETWORK } from "./scene.ts";

const ROUNDS = 20_000;
const subscriber = { k: new Uint8Array(16).fill(1), opc: new Uint8Array(16).fill(2), sqn: 0n };
const supi = `imsi-${IMSI}`;
const prime = encodeAvEapAkaPrime(generateQuintet(subscriber, "fiveG"), NETWORK);
const star = encodeAv5GHeAka(generateQuintet(subscriber, "fiveG"), NETWORK);
const quintet = encodeAvImsGbaEapAka(generateQuintet(subscriber, "umts"), "EAP_AKA");

const NEST = "[".repeat(5000);
const VALUES = [
  null,
  true,
  -1,
  1e308,
  "",
  "\u0000",
  "5G_AKA",
  "00".repeat(16),
  "zz".repeat(16),
  [],
  {},
  { __proto__: null, rand: 1 },
  [[[[]]]],
  "a".repeat(10_000),
] as const;

/** A copy in which members, at any depth, are gone, under another name, or another value. */
function damage(seeded: Seeded, value: unknown): unknown {
  if (seeded.below(12) === 0) return VALUES[seeded.below(VALUES.length)];
  if (Array.isArray(value)) {
    const items = value.map((item) => damage(seeded, item));
    return seeded.below(6) === 0 ? [...items, ...items, ...items] : items;
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).flatMap(([name, member]) => {
    const kind = seeded.below(14);
    if (kind === 0) return [];
    if (kind === 1) return [[`${name}x`, member]];
    return [[name, damage(seeded, member)]];
  });
  return Object.fromEntries(entries);
}

function damageText(seeded: Seeded, valid: object): string {
  const kind = seeded.below(8);
  if (kind === 0) return NEST;
  const text = JSON.stringify(kind === 1 ? valid : damage(seeded, valid)) ?? "";
  if (kind > 3) return text;
  return new TextDecoder().decode(damageBytes(seeded, new TextEncoder().encode(text)));
}

function areWhole(vectors: readonly NudmVector[]): boolean {
  return vectors.every(
    ({ rand, autn, xres, ck, ik }) =>
      rand.length === 16 &&
      autn.length === 16 &&
      xres.length >= 4 &&
      xres.length <= 16 &&
      [ck, ik].every((key) => key === undefined || key.length === 16),
  );
}

const NUDM_REASONS = new Set(["answer_invalid", "method_unfit", "another_subscriber"]);
type Decode = (text: string) => Result<readonly NudmVector[], string>;

test.each<readonly [string, object, Decode]>([
  [
    "EAP_AKA_PRIME",
    { authType: "EAP_AKA_PRIME", supi, authenticationVector: prime },
    (text) => decodeAuthenticationInfoResult(text, IMSI, "EAP_AKA_PRIME"),
  ],
  [
    "5G_AKA",
    { authType: "5G_AKA", supi, authenticationVector: star },
    (text) => decodeAuthenticationInfoResult(text, IMSI, "5G_AKA"),
  ],
  [
    "EAP_AKA",
    { hssAuthenticationVectors: [quintet, quintet] },
    (text) => decodeHssAuthenticationInfoResult(text, "EAP_AKA", 2),
  ],
])("vectors of %s", (_name, valid, decode) => {
  const seeded = createSeeded(0x5eed);
  const seen = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++) {
    const decoded = decode(damageText(seeded, valid));
    const word = decoded.ok ? "ok" : decoded.reason;
    seen.set(word, (seen.get(word) ?? 0) + 1);
    if (decoded.ok && !areWhole(decoded.value)) throw new Error("a vector of wrong lengths");
    if (decoded.ok && decoded.value.length > 2) throw new Error("more than asked for");
    if (!decoded.ok && !NUDM_REASONS.has(decoded.reason)) throw new Error(decoded.reason);
  }
  expect(seen.get("ok") ?? 0).toBeGreaterThan(ROUNDS / 100);
  expect(seen.get("answer_invalid") ?? 0).toBeGreaterThan(ROUNDS / 10);
});

test("causes of problems", () => {
  const seeded = createSeeded(0xca05e);
  let texts = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const cause = decodeCause(damageText(seeded, { status: 404, cause: "USER_NOT_FOUND" }));
    if (typeof cause === "string") texts += 1;
    else if (cause !== undefined) throw new Error("a cause that is no text");
  }
  expect(texts).toBeGreaterThan(ROUNDS / 10);
});

test("profiles of the directory: whole, of this number, or nothing", () => {
  const seeded = createSeeded(0xd1);
  let found = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const body = damageText(seeded, { msisdn: NUMBER, profile: PROFILE });
    const decoded = decodeLookup({ status: 200, body }, NUMBER);
    if (!decoded.ok) {
      if (decoded.reason !== "answer_invalid") throw new Error(decoded.reason);
      continue;
    }
    found += 1;
    // Whatever is taken is what was sent: no member is dropped, none is made up.
    expect(decoded).toEqual(success(JSON.parse(body).profile));
  }
  expect(found).toBeGreaterThan(ROUNDS / 20);
  expect(found).toBeLessThan(ROUNDS / 2);
});
