/** The card's encoder against the platform's: two readings of docs/protocol.md, same bytes. */
import { createHash } from "node:crypto";
import { expect, test } from "bun:test";
import { LABEL } from "#protocol/assigned-numbers";
import type { CardState } from "#protocol/messages";
import {
  type CardKeyName,
  credentialStatement,
  enrolmentStatement,
  hashAnswer,
  hashCardKey,
  hashChallenge,
  hashCredential,
  hashKeyAgreement,
  hashOpening as platformHashOpening,
  hashReceipt,
  hashResult,
  hashUnlock,
  proofMessage as platformProofMessage,
} from "#protocol/transcript";
import { cardIdBytes } from "./bytes.ts";
import { seededRandom } from "./encoding-double.ts";
import { sm3 } from "./sm3.ts";
import { type SuiteName, SUITES } from "./suites.ts";
import { writeElement } from "./tlv.ts";
import {
  type CardIdentity,
  credentialMessage,
  enrolmentMessage,
  hashOpening,
  hashStep,
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

function createIdentity(suiteName: SuiteName, kind: "TF" | "SD"): CardIdentity {
  const suite = SUITES[suiteName];
  const keyBytes = suite.credential === "certificate" ? suite.scheme.publicKeyBytes : 0;
  return {
    suite,
    cardId: cardIdBytes("00A1B2C3D4E5F607"),
    profile: {
      deployment: random(16),
      tenant: "a-1",
      kind,
      keyVersion: 0x80000002,
      keys: { credentialPublicKey: random(keyBytes), servicePublicKey: random(65) },
    },
  };
}

function keyNameOf({ suite, profile }: CardIdentity): CardKeyName {
  return suite.credential === "certificate"
    ? { publicKey: profile.keys.credentialPublicKey }
    : { keyVersion: profile.keyVersion ?? 0 };
}

const CARDS: readonly (readonly [SuiteName, "TF" | "SD"])[] = [
  ["P-256", "TF"],
  ["RSA-2048", "SD"],
  ["RSA-2048-PKCS1", "TF"],
  ["SM", "SD"],
  ["AES", "TF"],
  ["SM4", "SD"],
];

for (const [suiteName, kind] of CARDS) {
  test(`${suiteName}: h1 equals the platform's, for every state, mode and length of token`, () => {
    const card = createIdentity(suiteName, kind);
    const hash = card.suite.hash === sm3 ? sm3 : sha256;
    const { deployment, tenant } = card.profile;
    for (const [state, cardState] of states) {
      for (const tokenBytes of [1, 127, 128, 255]) {
        for (const ephemeralKey of [undefined, random(65)]) {
          const session = { token: random(tokenBytes), cardNonce: random(16), epoch: 0xfedcba98 };
          const credential = random(147);
          const mode = ephemeralKey === undefined ? "signed" : "encrypted";
          const ours = { ...session, mode, credential, cardState, ephemeralKey } as const;
          const theirs = platformHashOpening(hash, {
            ...session,
            deployment,
            tenant,
            cardId: card.cardId,
            cardKind: kind === "TF" ? 1 : 2,
            suite: card.suite.number,
            mode: mode === "signed" ? 1 : 2,
            credentialId: hashCredential(hash, credential),
            cardKeyHash: hashCardKey(hash, keyNameOf(card)),
            state,
            ephemeralKey: ephemeralKey ?? new Uint8Array(0),
          });
          expect(hexOf(hashOpening(card, ours))).toBe(hexOf(theirs));
        }
      }
    }
  });

  test(`${suiteName}: statements of anchor and enrolment equal the platform's`, () => {
    const card = createIdentity(suiteName, kind);
    const { deployment, tenant, keys } = card.profile;
    const shared = { deployment, tenant, suite: card.suite.number };
    const credential = { generation: 0xffffffff, publicKey: random(65) };
    expect(hexOf(credentialMessage(card, credential))).toBe(
      hexOf(credentialStatement({ ...shared, ...credential })),
    );
    const challenge = random(16);
    const theirs = enrolmentStatement({
      ...shared,
      cardId: card.cardId,
      cardKind: kind === "TF" ? 1 : 2,
      key: keyNameOf(card),
      servicePublicKey: keys.servicePublicKey,
      challenge,
    });
    expect(hexOf(enrolmentMessage(card, challenge))).toBe(hexOf(theirs));
  });
}

test("every step after h1 equals the platform's", () => {
  for (const hash of [sm3, SUITES["P-256"].hash]) {
    const [before, next] = [random(32), random(300)] as const;
    for (const [label, theirs] of [
      [LABEL.hk, hashKeyAgreement],
      [LABEL.h2, hashChallenge],
      [LABEL.h3, hashAnswer],
      [LABEL.h4, hashResult],
      [LABEL.hu, hashUnlock],
    ] as const) {
      expect(hexOf(hashStep(hash, label, before, next))).toBe(hexOf(theirs(hash, before, next)));
    }
    for (const [state, cardState] of states) {
      const report = [
        writeElement(0x8d, cardState),
        writeElement(0x8c, Uint8Array.of(128, 0, 0, 1)),
      ];
      const theirs = hashReceipt(hash, before, { state, epoch: 0x80000001 });
      expect(hexOf(hashStep(hash, LABEL.h5, before, ...report))).toBe(hexOf(theirs));
    }
  }
});

test("proven messages equal the platform's", () => {
  const hash = random(32);
  for (const label of [
    LABEL.cardProof,
    LABEL.answerProof,
    LABEL.receipt,
    LABEL.unlockReceipt,
    LABEL.keyAgreement,
    LABEL.result,
    LABEL.unlock,
  ] as const) {
    expect(hexOf(proofMessage(label, hash))).toBe(hexOf(platformProofMessage(label, hash)));
  }
});
