/** The card's encoder against the platform's: two readings of docs/protocol.md, same bytes. */
import { createHash } from "node:crypto";
import { expect, test } from "bun:test";
import { LABEL } from "#protocol/assigned-numbers";
import type { CardState } from "#protocol/messages";
import {
  credentialStatement,
  enrolmentStatement,
  hashAnswer as platformHashAnswer,
  hashCardKey,
  hashChallenge as platformHashChallenge,
  hashCredential,
  hashOpening as platformHashOpening,
  hashReceipt as platformHashReceipt,
  hashResult as platformHashResult,
  signedMessage,
} from "#protocol/transcript";
import { seededRandom } from "./encoding-double.ts";
import {
  credentialMessage,
  enrolmentMessage,
  hashAnswer,
  hashChallenge,
  hashOpening,
  hashReceipt,
  hashResult,
  proofMessage,
} from "./transcript.ts";

const sha256 = (data: Uint8Array): Uint8Array =>
  new Uint8Array(createHash("sha256").update(data).digest());
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const random = seededRandom("transcripts");
const states: readonly (readonly [CardState, Uint8Array])[] = [
  [{ name: "idle" }, Uint8Array.of(0)],
  [{ name: "serving" }, Uint8Array.of(1)],
  [
    { name: "locked", lockId: new Uint8Array(16).fill(9) },
    Uint8Array.of(2, ...new Uint8Array(16).fill(9)),
  ],
];

test("h1 to h5 equal the platform's, for every state and length of token", () => {
  for (const [state, cardState] of states) {
    for (const tokenBytes of [1, 127, 128, 255]) {
      const shared = {
        deployment: random(16),
        tenant: "a-1",
        cardId: random(8),
        suite: 1,
        mode: 1,
        token: random(tokenBytes),
        cardNonce: random(16),
        epoch: 0xfedcba98,
      };
      const [publicKey, credential] = [random(65), random(147)];
      const h1 = hashOpening({ ...shared, publicKey, credential, cardState });
      const theirs = platformHashOpening(sha256, {
        ...shared,
        credentialId: hashCredential(sha256, credential),
        cardKind: 1,
        cardKeyHash: hashCardKey(sha256, publicKey),
        state,
      });
      expect(hexOf(h1)).toBe(hexOf(theirs));
      const [challenge, statement, result] = [random(41), random(40), random(300)];
      const h2 = hashChallenge(h1, challenge);
      expect(hexOf(h2)).toBe(hexOf(platformHashChallenge(sha256, h1, challenge)));
      const h3 = hashAnswer(h2, statement);
      expect(hexOf(h3)).toBe(hexOf(platformHashAnswer(sha256, h2, statement)));
      const h4 = hashResult(h3, result);
      expect(hexOf(h4)).toBe(hexOf(platformHashResult(sha256, h3, result)));
      const h5 = hashReceipt(h4, cardState, 0x80000001);
      expect(hexOf(h5)).toBe(hexOf(platformHashReceipt(sha256, h4, state, 0x80000001)));
    }
  }
});

test("signed messages equal the platform's", () => {
  const hash = random(32);
  for (const label of [LABEL.cardProof, LABEL.answerProof, LABEL.result, LABEL.receipt] as const) {
    expect(hexOf(proofMessage(label, hash))).toBe(hexOf(signedMessage(label, hash)));
  }
  const credential = {
    deployment: random(16),
    tenant: "t".repeat(32),
    generation: 0xffffffff,
    suite: 1,
    publicKey: random(65),
  };
  expect(hexOf(credentialMessage(credential))).toBe(hexOf(credentialStatement(credential)));
  const enrolment = {
    deployment: random(16),
    tenant: "t",
    cardId: random(8),
    publicKey: random(65),
    servicePublicKey: random(65),
    challenge: random(16),
  };
  const theirs = enrolmentStatement({ ...enrolment, cardKind: 1 });
  expect(hexOf(enrolmentMessage(enrolment))).toBe(hexOf(theirs));
});
