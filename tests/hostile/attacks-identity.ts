/** What the client claims and what the module is said to have answered. */
import { concatBytes } from "#protocol/bytes";
import { encodeModuleAnswer } from "#protocol/messages";
import { SUITES } from "#protocol/suites";
import { encodeTlv } from "#protocol/tlv";
import { TAG } from "#protocol/assigned-numbers";
import { flipBit } from "#tests/invariants/bench";
import type { FleetSubscriber } from "#tests/fleet/fleet";
import type { IdentityModule } from "#terminal/module";
import { createUsimModule } from "#terminal/usim";
import { type Asked, type Body, type Phone, PhoneError, rawRes } from "./phone.ts";
import { type Attack, type Scene, wire } from "./scene.ts";

const NO_AUTS = new Uint8Array(14);
const REFUSAL = { kind: "refusal", statusWord: 0x9862 } as const;

/** Offers without the card's suite or mode, and START SESSION under other ones. */
async function offerWeaker(scene: Scene): Promise<void> {
  const { world, one } = scene.parts;
  const { suite, mode } = one.card;
  const phone = await scene.phone();
  const others = SUITES.filter(({ name }) => name !== suite.name);
  const otherMode = mode === "signed" ? "encrypted" : "signed";
  const offers: readonly (readonly [name: string, change: object])[] = [
    ...others.map(({ name }) => [`${name} alone`, { suites: [name] }] as const),
    ["every suite but the card's", { suites: others.map(({ name }) => name) }],
    ["no such suite", { suites: ["none"] }],
    [`${otherMode} alone`, { modes: [otherMode] }],
    ["no such mode", { modes: ["plain"] }],
  ];
  await scene.unchanged("offers", async () => {
    for (const [name, change] of offers) {
      const body = { ...phone.offer, ...change };
      await scene.refuse(name, wire("", body), () => world.post(0, "", body));
    }
  });
  const terms = await phone.ask();
  const starts = [
    ...others.map((other) => ({ name: other.name, start: { suite: other, mode } })),
    { name: otherMode, start: { suite, mode: otherMode } as const },
  ];
  for (const { name, start } of starts)
    await scene.refuseAtCard(
      `START SESSION ${name}`,
      Uint8Array.of(start.suite.number, start.mode.length, ...terms.token),
      () => phone.applet.startSession({ ...terms, ...start }),
    );
  await scene.control("its own suite and mode", async () => {
    return (await phone.prove(await phone.open(terms))).status === 200;
  });
}

/** Another IMSI in step 2, in step 3, in both; nobody's; another kind of module. */
async function claimImsi(scene: Scene): Promise<void> {
  const { one, two } = scene.parts;
  const phone = await scene.phone();
  const theirs = two.subscriber.imsi;
  const nobody = `46001${"9".repeat(10)}`;
  const claims = [
    ["theirs, then theirs", theirs, theirs],
    ["theirs, then ours", theirs, phone.imsi],
    ["ours, then theirs", phone.imsi, theirs],
    ["nobody's, then nobody's", nobody, nobody],
    ["nobody's, then ours", nobody, phone.imsi],
    ["a short one", phone.imsi.slice(0, 14), phone.imsi],
  ] as const;
  for (const [name, first, second] of claims) {
    const asked = await beginAs(phone, first);
    const answer = await phone.respond(asked);
    await scene.fail(name, phone, asked, phone.statement(answer, second));
    const refusing = await beginAs(phone, first);
    await scene.fail(`${name}, refused`, phone, refusing, phone.statement(REFUSAL, second));
  }
  const otherKind = phone.module.kind === "USIM" ? "SIM" : "USIM";
  const opening = await phone.start();
  const renamed = { ...opening, body: { ...opening.body, moduleKind: otherKind } };
  const asked = await phone.receive(opening.sid, await phone.prove(renamed));
  const answer = await phone.respond(asked).catch(() => REFUSAL);
  await scene.fail("another kind of module", phone, asked, phone.statement(answer));
  for (const imsi of ["", "46001", "4600112345678901", "46001abcdefghij"]) {
    if (one.card.mode === "encrypted") break;
    const next = await phone.start();
    const body = { ...next.body, imsi };
    await scene.refuse(`malformed: ${imsi}`, wire(next.sid, body), () =>
      phone.prove({ sid: next.sid, body }),
    );
  }
}

/** As far as the challenge, with `imsi` named in step 2. */
async function beginAs(phone: Phone, imsi: string): Promise<Asked> {
  const opening = await phone.start();
  const token = Buffer.from(opening.body["token"] ?? "", "base64url");
  const body: Body = { ...opening.body, ...(await phone.nameImsi(imsi, token)) };
  return phone.receive(opening.sid, await phone.prove({ sid: opening.sid, body }));
}

/** RES of the same module for another challenge, RES of a guess. */
async function replayRes(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const before = await phone.respond(await phone.begin());
  if (before.kind !== "res") throw new PhoneError("no RES");
  const guesses = [
    before.values,
    before.values.map((value) => new Uint8Array(value.length)),
    before.values.map((value) => new Uint8Array(value.length).fill(0xff)),
    before.values.map((value) => scene.parts.seeded.bytes(value.length)),
  ];
  for (const [index, values] of guesses.entries()) {
    const asked = await phone.begin();
    await scene.fail(`guess: ${index}`, phone, asked, phone.statement({ kind: "res", values }));
  }
  // The challenge itself as the answer to it.
  const asked = await phone.begin();
  const { rands } = asked.challenge;
  const echo = rands.map((rand, i) => rand.subarray(0, before.values[i]?.length ?? 8));
  await scene.fail(
    "the challenge itself",
    phone,
    asked,
    phone.statement({ kind: "res", values: echo }),
  );
}

type Values = readonly Uint8Array[];

const cut = (values: Values, to: (length: number) => number): Uint8Array =>
  rawRes(values.map((value) => value.subarray(0, to(value.length))));

const lengthen = (values: Values, to: (length: number) => number): Uint8Array =>
  rawRes(values.map((value) => concatBytes(value, new Uint8Array(to(value.length)))));

/** Element B5 with lengths, counts and orders that the module would not have given. */
const SHAPES: readonly (readonly [name: string, shape: (values: Values) => Uint8Array])[] = [
  ["nothing", () => new Uint8Array(0)],
  ["an empty RES", () => rawRes([new Uint8Array(0)])],
  ["every RES empty", (values) => cut(values, () => 0)],
  ["a byte short", (values) => cut(values, (length) => length - 1)],
  ["half", (values) => cut(values, (length) => length / 2)],
  ["the first byte", (values) => cut(values, () => 1)],
  ["a byte longer", (values) => lengthen(values, () => 1)],
  ["sixteen bytes", (values) => lengthen(values, (length) => 16 - length || 1)],
  ["seventeen bytes", (values) => lengthen(values, (length) => 17 - length)],
  ["doubled", (values) => rawRes([...values, ...values])],
  ["the first twice", (values) => rawRes([...values, ...values.slice(0, 1)])],
  ["one missing", (values) => rawRes(values.slice(1))],
  ["swapped", (values) => rawRes(swapped(values))],
  ["the first everywhere", (values) => rawRes(values.map((value) => values[0] ?? value))],
  ["RES and refusal", (values) => concatBytes(rawRes(values), encodeModuleAnswer(REFUSAL))],
  ["RES and AUTS", (values) => concatBytes(rawRes(values), encodeTlv(TAG.auts, NO_AUTS))],
  ["a refusal", () => encodeModuleAnswer(REFUSAL)],
  ["success as a refusal", () => encodeModuleAnswer({ kind: "refusal", statusWord: 0x9000 })],
  ["RANDBS unasked", () => encodeModuleAnswer({ kind: "randbs", randbs: new Uint8Array(4) })],
];

async function misshapeRes(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  for (const [name, shape] of SHAPES) {
    const asked = await phone.begin();
    const answer = await phone.respond(asked);
    if (answer.kind !== "res") throw new PhoneError("no RES");
    const content = shape(answer.values);
    if (Buffer.from(content).equals(rawRes(answer.values))) continue;
    await scene.fail(name, phone, asked, phone.rawStatement(content));
  }
}

/** Answers to the RANDs in another order; of one answer, its halves. */
function swapped(values: readonly Uint8Array[]): Uint8Array[] {
  const [only] = values;
  if (values.length > 1 || only === undefined) return values.toReversed();
  const half = only.length / 2;
  return [concatBytes(only.subarray(half), only.subarray(0, half))];
}

async function forgeAuts(scene: Scene): Promise<void> {
  const { one, two, seeded } = scene.parts;
  const phone = await scene.phone();
  for (const [name, auts] of [
    ["zeros", new Uint8Array(14)],
    ["random", seeded.bytes(14)],
    ["short", new Uint8Array(13)],
    ["long", new Uint8Array(15)],
  ] as const) {
    const asked = await phone.begin();
    await scene.fail(name, phone, asked, phone.rawStatement(encodeTlv(TAG.auts, auts)));
  }
  if (!scene.isUsim) return;
  const ours = moduleAt(one.subscriber, 2 ** 10);
  const theirs = moduleAt(two.subscriber, 2 ** 10);
  const old = await autsOf(ours, await phone.begin());
  for (const [name, forge] of [
    ["of an older challenge", async () => old],
    ["of another module", (asked: Asked) => foreignAuts(theirs, asked, scene)],
    ["altered SQN", async (asked: Asked) => flipBit(await autsOf(ours, asked), 9)],
    ["altered MAC-S", async (asked: Asked) => flipBit(await autsOf(ours, asked), 77)],
  ] as const) {
    const asked = await phone.begin();
    const auts = await forge(asked);
    await scene.fail(name, phone, asked, phone.statement({ kind: "auts", auts }));
  }
}

/** What the other module says to a challenge of its own. */
async function foreignAuts(
  module: IdentityModule,
  _asked: Asked,
  scene: Scene,
): Promise<Uint8Array> {
  const phone = await scene.phone(scene.parts.two);
  return autsOf(module, await phone.begin());
}

/** The USIM of later: SEQ_MS is `seq` everywhere. */
export function moduleAt({ cloneAt }: FleetSubscriber, seq: number): IdentityModule {
  const device = cloneAt(seq);
  return createUsimModule({ transmit: async (apdu) => device.transmit(apdu) });
}

async function autsOf(module: IdentityModule, asked: Asked): Promise<Uint8Array> {
  const { answer } = await module.authenticate(asked.challenge);
  if (answer.kind !== "auts") throw new PhoneError(`the module said ${answer.kind}`);
  return answer.auts;
}

/** The round-0 answer after AUTS, an AUTS again, a third AUTS. */
async function abuseResynchronisation(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  if (!scene.isUsim) {
    const asked = await phone.begin();
    const res = phone.statement(await phone.respond(asked));
    const auts = { kind: "auts", auts: scene.parts.seeded.bytes(14) } as const;
    await scene.fail("AUTS of a module that has none", phone, asked, phone.statement(auts));
    await scene.refuseAtCard("RES after AUTS", res, () => phone.sign(asked, res));
    return;
  }
  const { subscriber } = scene.parts.one;
  const rounds = [2 ** 12, 2 ** 13, 2 ** 14].map((seq) => moduleAt(subscriber, seq));
  const [first, second, third] = rounds;
  if (first === undefined || second === undefined || third === undefined) return;
  const zero = await phone.begin();
  const res = phone.statement(await phone.respond(zero));
  const sent = await phone.sign(zero, phone.statement(await autsAnswer(first, zero)));
  const reply = await phone.send(sent);
  await scene.refuseAtCard("the round-0 answer after AUTS", res, () => phone.sign(zero, res));
  const one = await phone.receive(zero.sid, reply);
  if (!phone.isEncrypted)
    await scene.refuseAtCard("the round-0 answer in round 1", res, () => phone.sign(zero, res));
  const again = await phone.sign(one, phone.statement(await autsAnswer(second, one)));
  // T2 is the same in every round, so this is the same body again: its stored bytes, nothing new.
  const old = { sid: zero.sid, body: { ...sent.body, token: one.token } };
  scene.attempt("round 0's AUTS in round 1", wire(old.sid, old.body));
  await scene.unchanged("round 0's AUTS in round 1", async () => {
    if ((await phone.send(old)).text !== reply.text) scene.accept("round 0's AUTS in round 1");
  });
  const two = await phone.receive(zero.sid, await phone.send(again));
  const last = phone.statement(await autsAnswer(third, two));
  await scene.fail("a third AUTS", phone, two, last);
}

export async function autsAnswer(module: IdentityModule, asked: Asked) {
  return { kind: "auts", auts: await autsOf(module, asked) } as const;
}

export const CLAIMING: readonly Attack[] = [
  { name: "weaker offers", invariant: "I7", run: offerWeaker },
  { name: "another IMSI", invariant: "I8", run: claimImsi },
  { name: "another RES", invariant: "I2", run: replayRes },
  { name: "RES of other shapes", invariant: "I2", run: misshapeRes },
  { name: "forged AUTS", invariant: "I5", run: forgeAuts },
  { name: "resynchronisation abused", invariant: "I5", run: abuseResynchronisation },
];
