/** Every decoder against malformed neighbours of what it accepts: no throw, no second encoding. */
import { beforeAll, expect, test } from "bun:test";
import * as core from "#wasm";
import { safeParse } from "valibot";
import {
  accessRequestSchema,
  answerRequestSchema,
  cardProofRequestSchema,
  receiptRequestSchema,
} from "#edge/routes/binding-schemas";
import {
  issueSessionToken,
  issueToken,
  openSessionToken,
  openToken,
} from "#edge/secure-connection/token";
import { createVault } from "#edge/vault";
import { decodeResponse } from "#protocol/apdu";
import { TAG } from "#protocol/assigned-numbers";
import {
  concatBytes,
  decodeBase64Url,
  decodeHex,
  encodeBase64Url,
  encodeCounter,
  encodeHex,
  equalBytes,
} from "#protocol/bytes";
import * as messages from "#protocol/messages";
import { suiteNamed } from "#protocol/suites";
import { decodeFields, decodeRepeated, encodeTlv } from "#protocol/tlv";
import { createSeeded } from "#tests/terminal/seeded";
import { mutateBytes, mutateEnvelope, mutateText } from "./mutations.ts";

const P256 = suiteNamed("P-256");
const INPUTS = 100_000;
const TEST_MS = 20_000;
const CARD_ID = "0123456789ABCDEF";
const NOW = 1_800_000_000_000;

const fixed = createSeeded(7);
const bytes = (length: number): Uint8Array<ArrayBuffer> => fixed.bytes(length);
const random = (length: number): Uint8Array => fixed.bytes(length);
const tools = { vault: createVault(bytes(32), random), deployment: bytes(16), storeGeneration: 1 };
const byte = (tag: number, value: number): Uint8Array => encodeTlv(tag, Uint8Array.of(value));
const states: readonly messages.CardState[] = [
  { name: "idle" },
  { name: "serving" },
  { name: "locked", lockId: bytes(16) },
];

function encodeProof(proof: messages.CardProof): Uint8Array {
  return concatBytes(
    byte(TAG.cardKind, proof.cardKind),
    encodeTlv(TAG.cardNonce, proof.cardNonce),
    encodeTlv(TAG.epoch, encodeCounter(proof.epoch)),
    encodeTlv(TAG.cardState, messages.encodeCardState(proof.state)),
    encodeTlv(TAG.signature, proof.signature),
  );
}

function encodeReceipt({ state, epoch, signature }: messages.Receipt): Uint8Array {
  return concatBytes(
    encodeTlv(TAG.cardState, messages.encodeCardState(state)),
    encodeTlv(TAG.epoch, encodeCounter(epoch)),
    encodeTlv(TAG.signature, signature),
  );
}

const FIELDS = [
  [0x80, 0, 0xffff],
  [0xe2, 1, 600],
  [0x9d, 1, 1],
] as const;

interface ByteDecoder {
  readonly name: string;
  readonly valid: readonly Uint8Array[];
  /** What was accepted, encoded again; undefined for a refusal. */
  readonly again: (input: Uint8Array) => Uint8Array | undefined;
}

/** A decoder and its encoder as one: what was accepted, encoded again. */
function pair<T>(
  decode: (input: Uint8Array) => T | undefined,
  encode: (value: T) => Uint8Array,
): ByteDecoder["again"] {
  return (input) => {
    const value = decode(input);
    return value === undefined ? undefined : encode(value);
  };
}

const answers: readonly messages.ModuleAnswer[] = [
  { kind: "res", values: [bytes(8)] },
  { kind: "res", values: [bytes(4), bytes(4), bytes(16), bytes(5)] },
  { kind: "auts", auts: bytes(14) },
  { kind: "refusal", statusWord: 0x9862 },
  { kind: "randbs", randbs: bytes(4) },
  { kind: "res", values: [bytes(3), bytes(3), bytes(3), bytes(3)] },
];
const statement = { imsi: "460010123456789", moduleKind: 2 };
const proofs = states.map((state) =>
  encodeProof({
    cardKind: 1,
    cardNonce: bytes(16),
    epoch: 7,
    state,
    ephemeralKey: bytes(0),
    signature: bytes(64),
  }),
);
const receipts = states.map((state) => encodeReceipt({ state, epoch: 9, signature: bytes(64) }));
const statements = answers.map((answer, index) =>
  messages.encodeAnswerStatement({
    ...statement,
    answer,
    confirmationTag: bytes(index % 2 === 0 ? 0 : 32),
  }),
);

const BYTE_DECODERS: readonly ByteDecoder[] = [
  {
    name: "decodeFields",
    valid: [0, 1, 127, 128, 255, 256, 300].map((length) =>
      concatBytes(encodeTlv(0x80, bytes(length)), encodeTlv(0xe2, bytes(200)), byte(0x9d, 7)),
    ),
    again: pair(
      (input) => decodeFields(input, FIELDS),
      (values) =>
        concatBytes(...values.map((value, index) => encodeTlv(FIELDS[index]?.[0] ?? 0, value))),
    ),
  },
  {
    name: "decodeRepeated",
    valid: [1, 2, 4].map((count) =>
      concatBytes(...Array.from({ length: count }, () => encodeTlv(0x91, bytes(130)))),
    ),
    again: pair(
      (input) => decodeRepeated(input, [0x91, 16, 140], 1, 4),
      (values) => concatBytes(...values.map((value) => encodeTlv(0x91, value))),
    ),
  },
  {
    name: "decodeCardProof",
    valid: proofs,
    again: pair((input) => messages.decodeCardProof(input, P256, "signed"), encodeProof),
  },
  {
    name: "decodeReceipt",
    valid: receipts,
    again: pair((input) => messages.decodeReceipt(input, P256.proofBytes), encodeReceipt),
  },
  {
    name: "decodeChallenge",
    valid: [1, 2, 4].map((count) =>
      messages.encodeChallenge({
        round: count % 3,
        rands: Array.from({ length: count }, () => bytes(16)),
        autn: bytes(count === 2 ? 0 : 16),
      }),
    ),
    again: pair(messages.decodeChallenge, messages.encodeChallenge),
  },
  {
    name: "decodeAnswerStatement",
    valid: statements,
    again: pair(messages.decodeAnswerStatement, messages.encodeAnswerStatement),
  },
  {
    name: "decodeProof",
    valid: [encodeTlv(TAG.signature, bytes(64))],
    again: pair(
      (input) => messages.decodeProof(input, P256.proofBytes),
      (value) => encodeTlv(TAG.signature, value),
    ),
  },
  {
    name: "decodeCardState",
    valid: states.map(messages.encodeCardState),
    again: pair(messages.decodeCardState, messages.encodeCardState),
  },
  {
    name: "decodeResponse",
    valid: [bytes(2), bytes(20), bytes(258)],
    again: pair(decodeResponse, ({ data, sw }) =>
      concatBytes(data, Uint8Array.of(sw >> 8, sw & 0xff)),
    ),
  },
];

type Verdict = "refused" | "canonical" | "other";

/**
 * Judges the controls, then mutations of them that differ from all of them; what is accepted must
 * be canonical. Gives how many were.
 */
function hammer<T>(
  name: string,
  controls: readonly T[],
  mutate: (valid: T) => unknown,
  judge: (input: unknown) => Verdict,
): number {
  const wrong: unknown[] = [];
  let accepted = 0;
  for (let i = 0; i < INPUTS; i++) {
    const valid = controls[i % controls.length];
    if (valid === undefined) throw new Error("nothing to mutate");
    let input = mutate(valid);
    while (controls.some((control) => Bun.deepEquals(control, input))) input = mutate(valid);
    try {
      const verdict = judge(input);
      if (verdict !== "refused") accepted += 1;
      if (verdict === "other") wrong.push(input);
    } catch (error) {
      wrong.push([input, String(error)]);
    }
  }
  process.stdout.write(`${name}: ${INPUTS} inputs, ${accepted} accepted, ${wrong.length} wrong\n`);
  expect(controls.map(judge)).toEqual(controls.map(() => "canonical"));
  expect(wrong.slice(0, 3)).toEqual([]);
  expect(accepted).toBeLessThan(INPUTS);
  return accepted;
}

const asBytes = (input: unknown): Uint8Array =>
  input instanceof Uint8Array ? input : new Uint8Array(0);

test.each(BYTE_DECODERS.map((decoder) => [decoder.name, decoder] as const))(
  "%s never throws and has one encoding",
  (name, { valid, again }) => {
    const seeded = createSeeded(name.length * 1009);
    hammer(
      name,
      valid,
      (input) => mutateBytes(seeded, input),
      (input) => {
        const encoded = again(asBytes(input));
        if (encoded === undefined) return "refused";
        return equalBytes(encoded, asBytes(input)) ? "canonical" : "other";
      },
    );
  },
  TEST_MS,
);

const TEXT_DECODERS = [
  [
    "decodeBase64Url",
    [0, 1, 2, 3, 30].map((n) => encodeBase64Url(bytes(n))),
    (text: string) => {
      const value = decodeBase64Url(text);
      return value === undefined ? undefined : encodeBase64Url(value);
    },
  ],
  // Either case is right in hex; upper-case letters are the only second encoding.
  [
    "decodeHex",
    [0, 1, 8, 30].map((n) => encodeHex(bytes(n))),
    (text: string) => {
      const value = decodeHex(text);
      if (value === undefined) return undefined;
      return encodeHex(value) === text.toLowerCase() ? text : "";
    },
  ],
] as const;

test.each(TEXT_DECODERS)(
  "%s never throws and has one encoding",
  (name, valid, again) => {
    const seeded = createSeeded(4242);
    hammer(
      name,
      valid,
      (text) => mutateText(seeded, text),
      (input) => {
        const text = String(input);
        const encoded = again(text);
        if (encoded === undefined) return "refused";
        return encoded === text ? "canonical" : "other";
      },
    );
  },
  TEST_MS,
);

const terms = {
  tenant: "default",
  sid: bytes(16),
  suite: 1,
  mode: 1,
  generation: 3,
  credentialId: bytes(32),
};
const sid = encodeBase64Url(terms.sid);
const life = { now: NOW, expiresAt: NOW + 60_000 };
const TOKENS = [
  [
    "openToken",
    issueToken(tools, "challenge", CARD_ID, terms, life),
    (token: Uint8Array) => openToken(tools, "challenge", CARD_ID, token, NOW),
  ],
  [
    "openSessionToken",
    issueSessionToken(tools, CARD_ID, terms, life),
    (token: Uint8Array) => openSessionToken(tools, sid, token, NOW),
  ],
] as const;

test.each(TOKENS)(
  "%s opens the token that was issued and no other",
  (name, token, open) => {
    const seeded = createSeeded(99);
    const accepted = hammer(
      name,
      [token],
      (valid) => mutateBytes(seeded, valid),
      (input) => {
        if (open(asBytes(input)) === undefined) return "refused";
        return equalBytes(asBytes(input), token) ? "canonical" : "other";
      },
    );
    expect(accepted).toBe(0);
  },
  TEST_MS,
);

const text = (length: number): string => encodeBase64Url(bytes(length));
const SCHEMAS = [
  [
    "accessRequestSchema",
    accessRequestSchema,
    {
      tenant: "default",
      cardId: CARD_ID,
      suites: ["P-256", "x"],
      modes: ["signed"],
      moduleKind: "USIM",
    },
  ],
  [
    "cardProofRequestSchema",
    cardProofRequestSchema,
    {
      token: text(60),
      cardId: CARD_ID,
      proof: text(40),
      imsi: "460010123456789",
      moduleKind: "USIM",
    },
  ],
  [
    "answerRequestSchema",
    answerRequestSchema,
    { token: text(60), statement: text(40), proof: text(30) },
  ],
  ["receiptRequestSchema", receiptRequestSchema, { token: text(60), receipt: text(40) }],
] as const;

/** The members of an envelope, sorted, byte strings as base64url again. */
function canonicalise(value: object): string {
  return JSON.stringify(
    Object.entries(value)
      .map(([name, member]) => [
        name,
        member instanceof Uint8Array ? encodeBase64Url(member) : member,
      ])
      .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
  );
}

test.each(SCHEMAS)(
  "%s never throws and adds nothing but the default tenant",
  (name, schema, valid) => {
    const seeded = createSeeded(name.length);
    hammer(
      name,
      [valid],
      (envelope) => mutateEnvelope(seeded, envelope),
      (input) => {
        const parsed = safeParse(schema, input);
        if (!parsed.success) return "refused";
        const given = typeof input === "object" && input !== null ? input : {};
        const whole = "tenant" in parsed.output ? { tenant: "default", ...given } : given;
        return canonicalise(whole) === canonicalise(parsed.output) ? "canonical" : "other";
      },
    );
  },
  TEST_MS,
);

beforeAll(() => {
  // The suite's hash answers before the first test is timed.
  expect(core.sha256(bytes(1))).toHaveLength(32);
});
