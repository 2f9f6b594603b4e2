/** The client against keys, tenants and points of presence: what it mixes there. */
import { afterAll, afterEach, beforeEach, expect, test } from "bun:test";
import { createApp } from "#edge/app";
import { suiteNamed } from "#protocol/suites";
import { encodeBase64Url } from "#protocol/bytes";
import { createFleet, type Fleet } from "#tests/fleet/fleet";
import { dumpState, flipBit, HOME, readDurable } from "#tests/invariants/bench";
import {
  bytesOf,
  type CardBody,
  createExchange,
  type Exchange,
  SUITE,
} from "#tests/platform/exchange";
import type { Rig } from "#tests/platform/rig";
import { type Arena, createTally, openArena, reportTally, twistSignature } from "./hostile.ts";

const tally = createTally();
let arena: Arena;
beforeEach(async () => {
  arena = await openArena(tally);
});
afterEach(() => arena.rig.dispose());
afterAll(() => {
  reportTally("hostile to keys, tenants, fronts", tally);
  expect([tally.accepted, tally.wronglyLocked]).toEqual([0, 0]);
});

interface Terms {
  readonly sid: string;
  readonly token: Uint8Array;
  readonly credential: Uint8Array;
}

/** Steps 311 and 312. */
async function askTerms(cardId: string, tenant = "default"): Promise<Terms> {
  const offer = { tenant, cardId, suites: ["P-256"], modes: ["signed"], moduleKind: "USIM" };
  const { json } = await arena.rig.post("", offer);
  const { token, credential } = json;
  return { sid: String(json["sid"]), token: bytesOf(token), credential: bytesOf(credential) };
}

/** START SESSION with terms of the client's choice; the body that step 2 would be. */
async function startWith(attempt: Exchange, cardId: string, terms: Terms): Promise<CardBody> {
  const { sid, token, credential } = terms;
  const start = { token, credential, suite: SUITE, mode: "signed" as const };
  const { bytes } = await attempt.applet.startSession(start);
  const { imsi } = attempt;
  const proof = encodeBase64Url(bytes);
  return { sid, token: encodeBase64Url(token), cardId, proof, imsi, moduleKind: "USIM" };
}

test("START SESSION with an altered token or an altered credential", async () => {
  const { rig, one, phone, refuse, refuseAtCard, recover } = arena;
  const attempt = await phone(one);
  const { cardId } = one.card;
  const terms = await askTerms(cardId);
  const before = dumpState(rig);
  for (let bit = 0; bit < terms.token.length * 8; bit += 61) {
    const body = await startWith(attempt, cardId, { ...terms, token: flipBit(terms.token, bit) });
    expect(refuse(await attempt.prove(body))).toBe("session_expired");
    const token = encodeBase64Url(terms.token);
    expect(refuse(await attempt.prove({ ...body, token }))).toBe("card_not_authenticated");
  }
  for (let bit = 0; bit < terms.credential.length * 8; bit += 37) {
    const credential = flipBit(terms.credential, bit);
    const sw = await refuseAtCard(startWith(attempt, cardId, { ...terms, credential }));
    expect([0x6982, 0x6a80]).toContain(sw);
  }
  for (const change of [{ suite: suiteNamed("RSA-2048") }, { mode: "encrypted" as const }]) {
    const start = { ...terms, suite: SUITE, mode: "signed" as const, ...change };
    expect(await refuseAtCard(attempt.applet.startSession(start))).toBe(0x6a80);
  }
  // The anchor's other signature over the same key makes another credential: not the one in T.
  const twisted = twistSignature(terms.credential);
  const body = await startWith(attempt, cardId, { ...terms, credential: twisted });
  expect(refuse(await attempt.prove(body))).toBe("card_not_authenticated");
  expect(dumpState(rig)).toBe(before);
  await recover(one);
});

test("a platform key of another generation, and one below the floor", async () => {
  const { fleet, one, phone, refuse, refuseAtCard, recover } = arena;
  const attempt = await phone(one);
  const { cardId } = one.card;
  const first = await askTerms(cardId);
  const crossing = await attempt.start();
  expect(await fleet.addPlatformKey()).toBe(2);
  const second = await askTerms(cardId);
  expect(Buffer.from(second.credential)).not.toEqual(Buffer.from(first.credential));
  // T of one generation with the credential of the other.
  for (const [terms, credential] of [
    [first, second.credential],
    [second, first.credential],
  ] as const) {
    const body = await startWith(attempt, cardId, { ...terms, credential });
    expect(refuse(await attempt.prove(body))).toBe("card_not_authenticated");
  }
  // A session begun under the first key ends under it, while the floor allows.
  const early = await startWith(attempt, cardId, first);
  const signed = await attempt.sign(await attempt.prove(early));
  const reply = await attempt.answer(early.sid, signed);
  expect((await attempt.finish(early.sid, signed.token, reply)).status).toBe(204);
  await fleet.admin.setFloor({ suite: "P-256", floor: 2 });
  // The floor rises while a session of the first key is open: its result is void to the card.
  const stale = await startWith(attempt, cardId, await askStale(attempt, crossing, first));
  const opened = await attempt.prove(stale);
  expect(refuse(opened)).toBe("card_not_authenticated");
  await recover(one);
  expect((await attempt.applet.readStatus()).floor).toBe(2);
  expect(await refuseAtCard(startWith(attempt, cardId, first))).toBe(0x6982);
  await recover(one);
});

/** T of `crossing`, asked for before the second key was in use, with the second credential. */
async function askStale(attempt: Exchange, crossing: CardBody, first: Terms): Promise<Terms> {
  const { cardId } = crossing;
  const { credential } = await askTerms(cardId);
  expect(attempt.imsi).toBe(crossing.imsi);
  expect(Buffer.from(credential)).not.toEqual(Buffer.from(first.credential));
  return { sid: crossing.sid, token: bytesOf(crossing.token), credential };
}

test("two points of presence over the same writers", async () => {
  const { rig, one, two, refuse, recover } = arena;
  const fronts = [1, 2].map(() => openFront(rig));
  const [near, far] = fronts;
  if (near === undefined || far === undefined) throw new Error("no fronts");
  let turn = 0;
  const alternating: Pick<Rig, "post"> = {
    post: (path, body) => ((turn++ & 1) === 0 ? near : far).post(path, body),
  };
  const attempt = await createExchange(alternating, one.card, one.subscriber);
  const { sid, token, reply } = await attempt.run();
  expect(reply.json["verdict"]).toBe("SUCCESS");
  expect((await attempt.finish(sid, token, reply)).status).toBe(204);
  tally.controls += 1;

  const body = await attempt.start();
  const { sid: path, ...card } = body;
  const both = await Promise.all(fronts.map(({ post }) => post(`/${path}/card`, card)));
  expect(both[0]?.text).toBe(both[1]?.text ?? "");
  const other = { ...card, imsi: two.subscriber.imsi };
  expect(refuse(await far.post(`/${path}/card`, other))).toBe("out_of_order");
  const [challenge] = both;
  if (challenge === undefined) throw new Error("no challenge");
  const signed = await attempt.sign(challenge);
  const twisted = {
    ...signed,
    proof: encodeBase64Url(twistSignature(bytesOf(signed.proof))),
  };
  const [first, second] = await Promise.all([
    near.post(`/${path}/answer`, signed),
    far.post(`/${path}/answer`, twisted),
  ]);
  const outcomes = [first, second].map(({ status }) => status).toSorted((a, b) => a - b);
  expect(outcomes).toEqual([200, 409]);
  tally.cases += 1;
  expect(readDurable(rig, "SELECT epoch FROM card")).toEqual([{ epoch: 2 }]);
  // Different new sessions of one card at once: the last one consumed goes on, no other.
  const phones = [await attempt.start(), await attempt.start()];
  const replies = await Promise.all(
    phones.map(({ sid: at, ...sent }, index) =>
      (index === 0 ? near : far).post(`/${at}/card`, sent),
    ),
  );
  expect(replies.map(({ status }) => status)).toEqual([200, 200]);
  await recover(one, two);
});

/** Another composition, as another isolate or machine would have, over the rig's writers. */
function openFront(rig: Rig, adminKey?: string): Pick<Rig, "post"> & { readonly fetch: Fetch } {
  const app = createApp({ dependencies: { ...rig.dependencies }, adminKey }, rig.host);
  const fetch: Fetch = async (url, init) => app.request(url, init);
  return {
    fetch,
    async post(path, body) {
      const init = { method: "POST", body: JSON.stringify(body) };
      const response = await fetch(`http://front.test/v1/bindings${path}`, init);
      const text = await response.text();
      return { status: response.status, text, json: text === "" ? {} : JSON.parse(text) };
    },
  };
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A second operator on the same platform. */
async function createOtherTenant(rig: Rig): Promise<Fleet> {
  const adminKey = "another-administration-key-0123456789";
  return createFleet({
    platformUrl: "http://front.test",
    adminKey,
    deployment: rig.dependencies.deployment,
    tenant: "other",
    fetch: openFront(rig, adminKey).fetch,
    now: rig.now,
    random: rig.dependencies.random,
  });
}

test("two tenants: the other one's credential, subscriber, rules and card", async () => {
  const { rig, one, phone, refuse, fail, refuseAtCard, recover } = arena;
  const other = await createOtherTenant(rig);
  const foreign = await other.addSubscriber({ operator: HOME });
  const foreignCard = await other.addCard();
  await other.addRule(foreignCard, { imsi: foreign.imsi }, "lock");
  await other.addRule(one.card, { imsi: foreign.imsi }, "lock");
  const { cardId } = one.card;
  const attempt = await phone(one);
  const ours = await askTerms(cardId);
  const theirs = await askTerms(cardId, "other");
  expect(await refuseAtCard(startWith(attempt, cardId, theirs))).toBe(0x6982);
  const before = dumpState(rig);
  // T of the other tenant under our credential: the card signs, that tenant knows no such card.
  const mixed = await startWith(attempt, cardId, { ...theirs, credential: ours.credential });
  expect(refuse(await attempt.prove(mixed))).toBe("card_not_authenticated");
  const theirId = await askTerms(foreignCard.cardId);
  const borrowed = await startWith(attempt, foreignCard.cardId, theirId);
  expect(refuse(await attempt.prove(borrowed))).toBe("card_not_authenticated");
  expect(dumpState(rig)).toBe(before);
  // Our card beside their subscriber: their rules and their IMSI are nothing here.
  const beside = await createExchange(rig, one.card, foreign);
  const body = await beside.start();
  const challenge = await beside.prove(body);
  const answer = await beside.ask(challenge);
  expect(answer.kind).toBe("refusal");
  fail(await beside.answer(body.sid, await beside.sign(challenge, { answer })));
  await recover(one);
});

test("two tenants with one IMSI: the other one's module does not answer for ours", async () => {
  const { rig, one, fail, recover } = arena;
  const other = await createOtherTenant(rig);
  const { imsi } = one.subscriber;
  const key = "00112233445566778899aabbccddeeff";
  await other.admin.createSubscriber({ tenant: "other", imsi, mncLength: 2, k: key, opc: key });
  const stranger = await other.addSubscriber({ operator: HOME });
  const beside = await createExchange(rig, one.card, stranger);
  const body = { ...(await beside.start()), imsi };
  const challenge = await beside.prove(body);
  const answer = await beside.ask(challenge);
  expect(answer).toEqual({ kind: "refusal", statusWord: 0x9862 });
  fail(await beside.answer(body.sid, await beside.sign(challenge, { imsi, answer })));
  const objects = readDurable(rig, "SELECT object FROM slot").map(({ object }) => String(object));
  expect(objects.filter((name) => name.startsWith("other:"))).toEqual([]);
  await recover(one);
});
