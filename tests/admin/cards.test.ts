/** Enrolment of cards, their status, revocations. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";

import type { EnrolmentChallenge } from "#protocol/admin";
import { decodeBase64Url, encodeBase64Url, encodeHex } from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import { enrolmentStatement } from "#protocol/transcript";
import * as core from "#wasm";

import { makeChain } from "../certificates/chain-fixture.ts";
import { makeKeyPair } from "../certificates/make-certificate.ts";
import {
  CARD,
  CARD_ID,
  CERTIFICATES,
  DEPLOYMENT,
  makeEnrolment,
  NOW,
  openTenant,
  type Platform,
  SERVICE,
  signRaw,
  TENANT,
  tenantSettings,
} from "./platform.ts";
import { expectRefusal, MARKER } from "./refusal.ts";

const DAY_MILLISECONDS = 86_400_000;

let platform: Platform;
beforeEach(async () => {
  platform = await openTenant();
});
afterEach(() => platform.close());

const enrol = async (body: unknown) => platform.call("POST", "/cards", body);
const find = async () => platform.dependencies.repositories.cards.find(TENANT, CARD_ID);

const VIEW = {
  tenant: TENANT,
  cardId: CARD_ID,
  kind: "TF",
  suite: "P-256",
  modes: ["encrypted", "signed"],
  status: "active",
  state: "issued",
  groups: [],
  company: null,
  publicKey: encodeBase64Url(CARD.key.publicKey),
  keyVersion: 0,
  servicePublicKey: encodeBase64Url(SERVICE.publicKey),
  notBefore: "2026-06-15T12:00:00.000Z",
  notAfter: "2028-06-14T12:00:00.000Z",
};

describe("POST /enrolments", () => {
  test("gives a fresh challenge and stores nothing", async () => {
    const before = await platform.dump();
    const ask = async () => platform.call("POST", "/enrolments", { cardId: CARD_ID });
    const [first, second] = [await ask(), await ask()];
    expect(first.status).toBe(201);
    const { challenge, token }: EnrolmentChallenge = JSON.parse(first.text);
    expect(first.json).toEqual({ challenge, token });
    expect(decodeBase64Url(challenge)).toHaveLength(16);
    expect(second.text).not.toContain(challenge);
    expect(await platform.dump()).toBe(before);
  });

  test("knows its tenants", async () => {
    await expectRefusal(platform, "not_found", async () =>
      platform.call("POST", "/enrolments", { tenant: "nobody", cardId: CARD_ID }),
    );
  });
});

describe("POST /cards", () => {
  test("pins the key of the chain", async () => {
    const answer = await enrol(await makeEnrolment(platform));
    expect(answer.status).toBe(201);
    expect(answer.json).toEqual(VIEW);
    expect(await find()).toEqual({
      tenant: TENANT,
      cardId: CARD_ID,
      kind: "TF",
      suite: "P-256",
      modes: ["encrypted", "signed"],
      status: "active",
      pinnedKey: CARD.key.publicKey,
      wrappedKey: undefined,
      keyVersion: 0,
      servicePublicKey: SERVICE.publicKey,
      notBefore: Date.parse(VIEW.notBefore),
      notAfter: Date.parse(VIEW.notAfter),
      groups: [],
      company: undefined,
      chainRevoked: false,
    });
    const seen = await platform.call("GET", `/cards/${CARD_ID}`);
    expect(seen.json).toEqual(VIEW);
  });

  test("a card or a key that is there already is a conflict", async () => {
    await platform.call("PUT", "/tenants/other", tenantSettings());
    await enrol(await makeEnrolment(platform));
    const again = await makeEnrolment(platform);
    await expectRefusal(platform, "conflict", async () => enrol(again));
    const elsewhere = await makeEnrolment(platform, { tenant: "other" });
    await expectRefusal(platform, "conflict", async () => enrol(elsewhere));
  });

  test("a token holds for a day", async () => {
    const enrolment = await makeEnrolment(platform);
    platform.setNow(NOW + DAY_MILLISECONDS);
    await expectRefusal(platform, "session_expired", async () => enrol(enrolment));
    platform.setNow(NOW + DAY_MILLISECONDS - 1);
    expect((await enrol(enrolment)).status).toBe(201);
  });

  test("a token names tenant, card, challenge and expiry", async () => {
    await platform.call("PUT", "/tenants/other", tenantSettings());
    const enrolment = await makeEnrolment(platform);
    const token = decodeBase64Url(enrolment.token) ?? new Uint8Array(0);
    const wrong = [
      { ...enrolment, tenant: "other" },
      { ...enrolment, tenant: "nobody" },
      { ...enrolment, cardId: "00112233445566AB" },
      { ...enrolment, challenge: encodeBase64Url(new Uint8Array(16)) },
      { ...enrolment, token: encodeBase64Url(token.with(3, (token[3] ?? 0) ^ 1)) },
      { ...enrolment, token: encodeBase64Url(token.with(35, (token[35] ?? 0) ^ 1)) },
      { ...enrolment, token: encodeBase64Url(token.subarray(0, -1)) },
      { ...enrolment, token: encodeBase64Url(token.subarray(0, 4)) },
      { ...enrolment, token: encodeBase64Url(new Uint8Array(36)) },
      { ...enrolment, token: (await makeEnrolment(platform)).token },
    ];
    for (const body of wrong) {
      await expectRefusal(platform, "session_expired", async () => enrol(body));
    }
    const deployment = new Uint8Array(16).fill(1);
    const second = await openTenant({ deployment });
    const foreign = await makeEnrolment(second);
    second.close();
    await expectRefusal(platform, "session_expired", async () => enrol(foreign));
  });

  test("a chain that does not verify is refused, and the log says why", async () => {
    const spoilt = makeChain({ issuer: { signer: makeKeyPair() } }).certificates;
    const enrolment = await makeEnrolment(platform);
    const certificates = spoilt.map(encodeBase64Url);
    await expectRefusal(platform, "card_not_authenticated", async () =>
      enrol({ ...enrolment, certificates }),
    );
    expect(platform.logged.join("")).toContain('"reason":"signature_invalid"');
    const untrusted = { ...tenantSettings(), cardRoots: [] };
    await platform.call("PUT", `/tenants/${TENANT}`, untrusted);
    await expectRefusal(platform, "card_not_authenticated", async () => enrol(enrolment));
    expect(platform.logged.join("")).toContain('"reason":"issuer_unknown"');
  });

  test("certificates count at the platform's time", async () => {
    platform.setNow(Date.parse(VIEW.notAfter) + 1);
    const enrolment = await makeEnrolment(platform);
    await expectRefusal(platform, "card_not_authenticated", async () => enrol(enrolment));
    expect(platform.logged.join("")).toContain('"reason":"expired"');
  });

  test("possession is proved by the key of the certificate, over these very values", async () => {
    const enrolment = await makeEnrolment(platform);
    const stranger = await makeEnrolment(platform, { signer: makeKeyPair() });
    const other = encodeBase64Url(makeKeyPair().publicKey);
    const wrong = [
      stranger,
      { ...enrolment, servicePublicKey: other },
      { ...enrolment, proof: stranger.proof },
      { ...enrolment, proof: encodeBase64Url(new Uint8Array(64)) },
      { ...(await makeEnrolment(platform)), proof: enrolment.proof },
    ];
    for (const body of wrong) {
      await expectRefusal(platform, "card_not_authenticated", async () => enrol(body));
    }
  });

  test("a service key that is no key, or the credential key itself, is malformed", async () => {
    const enrolment = await makeEnrolment(platform);
    const noPoint = encodeBase64Url(CARD.key.publicKey.with(64, 0));
    await expectRefusal(platform, "malformed", async () =>
      enrol({ ...enrolment, servicePublicKey: noPoint }),
    );
    const proof = signRaw(
      CARD.key,
      enrolmentStatement({
        deployment: DEPLOYMENT,
        tenant: TENANT,
        cardId: cardIdBytes(CARD_ID),
        cardKind: 1,
        suite: 1,
        key: { publicKey: CARD.key.publicKey },
        servicePublicKey: CARD.key.publicKey,
        challenge: decodeBase64Url(enrolment.challenge) ?? new Uint8Array(0),
      }),
    );
    await expectRefusal(platform, "malformed", async () =>
      enrol({
        ...enrolment,
        servicePublicKey: encodeBase64Url(CARD.key.publicKey),
        proof: encodeBase64Url(proof),
      }),
    );
  });
});

describe("cards that are there", () => {
  beforeEach(async () => {
    await enrol(await makeEnrolment(platform));
  });

  test("change their status", async () => {
    const put = async (status: string, tenant = TENANT) =>
      platform.call("PUT", `/cards/${CARD_ID}/status`, { tenant, status });
    expect((await put("revoked")).status).toBe(204);
    expect((await find())?.status).toBe("revoked");
    expect((await put("active")).status).toBe(204);
    expect((await find())?.status).toBe("active");
    await expectRefusal(platform, "not_found", async () => put("revoked", "nobody"));
  });

  test("are not found under another id or in another tenant", async () => {
    for (const path of ["/cards/0000000000000000", `/cards/${CARD_ID}?tenant=nobody`]) {
      await expectRefusal(platform, "not_found", async () => platform.call("GET", path));
    }
    await expectRefusal(platform, "not_found", async () =>
      platform.call("PUT", "/cards/0000000000000000/status", { status: "revoked" }),
    );
  });

  test.each([
    `/cards/${MARKER}`,
    `/cards/${CARD_ID}0`,
    `/cards/${CARD_ID.toLowerCase()}`,
    `/cards/${CARD_ID}%00`,
    `/cards/%ff`,
    `/cards/${CARD_ID}?tenant=${MARKER}`,
    `/cards/${CARD_ID}?tenant=`,
    `/cards/${CARD_ID}?${MARKER}=1`,
  ])("GET %s is malformed", async (path) => {
    await expectRefusal(platform, "malformed", async () => platform.call("GET", path));
  });

  test("lose their chain when one of its certificates is revoked", async () => {
    const [, issuer = new Uint8Array(0)] = CERTIFICATES;
    const fingerprint = encodeHex(core.sha256(issuer)).toUpperCase();
    expect((await find())?.chainRevoked).toBe(false);
    await expectRefusal(platform, "not_found", async () =>
      platform.call("POST", "/revocations", { tenant: "nobody", fingerprint }),
    );
    for (let i = 0; i < 2; i++) {
      const answer = await platform.call("POST", "/revocations", { fingerprint });
      expect(answer.status).toBe(204);
    }
    expect((await find())?.chainRevoked).toBe(true);
  });
});
