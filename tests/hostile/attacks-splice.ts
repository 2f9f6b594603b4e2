/** Messages of two sessions, cards, modules and points of presence mixed; parts swapped midway. */
import { encodeBase64Url } from "#protocol/bytes";
import type { Answer } from "#tests/platform/rig";
import { spliceBodies } from "./alterations.ts";
import type { Body, Opening, Phone, Reply } from "./phone.ts";
import { type Attack, type Scene, wire } from "./scene.ts";
import type { Front } from "./world.ts";

/** What the card's proof of step 2 does not cover; claims make a step 2 of their own. */
const CLAIMS: ReadonlySet<string> = new Set(["imsi", "concealedImsi", "moduleKind"]);

interface Sent {
  readonly sid: string;
  readonly body: Body;
}

const flat = ({ sid, body }: Sent): Body => ({ sid, ...body });

/** Mixtures that are neither message, nor one of them with the other's claims. */
function mixtures(ours: Sent, theirs: Sent): { readonly name: string; readonly sent: Sent }[] {
  const wholes = new Set([ours, theirs].map((sent) => withoutClaims(flat(sent))));
  return spliceBodies(flat(ours), flat(theirs))
    .filter(({ value }) => !wholes.has(withoutClaims(value)))
    .map(({ name, value: { sid = "", ...body } }) => ({ name, sent: { sid, body } }));
}

function withoutClaims(body: Body): string {
  return JSON.stringify(
    Object.entries(body)
      .filter(([name]) => !CLAIMS.has(name))
      .toSorted(([one], [other]) => (one < other ? -1 : 1)),
  );
}

async function refuseMixtures(
  scene: Scene,
  step: string,
  [ours, theirs]: readonly [Sent, Sent],
  send: (sent: Sent) => Promise<{ readonly status: number }>,
): Promise<void> {
  const { world } = scene.parts;
  await scene.unchanged(step, async () => {
    for (const { name, sent } of mixtures(ours, theirs))
      await scene.refuse(`${step}: ${name}`, wire(`/${sent.sid}/${step}`, sent.body), () =>
        world.post(0, `/${sent.sid}/${step}`, sent.body),
      );
  });
  await scene.control(`${step} as it was`, async () => (await send(ours)).status < 300);
}

/** The same for two cards and for two sessions of one card: `right` is the other of the two. */
async function spliceWith(scene: Scene, left: Phone, right: Phone): Promise<void> {
  const theirOpening = await right.start();
  const theirReply = right === left ? await right.prove(theirOpening) : undefined;
  const theirEarly =
    theirReply === undefined
      ? undefined
      : await right.reply(await right.receive(theirOpening.sid, theirReply));
  const ourOpening = await left.start();
  await refuseMixtures(scene, "card", [ourOpening, theirOpening], ({ sid, body }) =>
    left.prove({ sid, body }),
  );
  const asked = await left.receive(ourOpening.sid, await left.prove(ourOpening));
  const theirs = theirEarly ?? (await answered(right, theirOpening));
  const ours = await left.reply(asked);
  await refuseMixtures(scene, "answer", [ours, theirs], (sent) => left.send(sent));
}

async function answered(phone: Phone, opening: Opening): Promise<Reply> {
  return phone.reply(await phone.receive(opening.sid, await phone.prove(opening)));
}

async function spliceSessions(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const old = await phone.bind();
  await spliceWith(scene, phone, phone);
  const { sid, body, result } = await phone.decide();
  await scene.refuseAtCard("the old result", old.result, () => phone.deliver(old.result));
  const ours = receiptOf({ sid, body }, await phone.deliver(result));
  await refuseMixtures(scene, "receipt", [ours, { sid: old.sid, body: old.receipt }], (sent) =>
    phone.acknowledge(sent.sid, sent.body),
  );
}

function receiptOf({ sid, body }: Reply, receipt: Uint8Array): Sent {
  return { sid, body: { token: body["token"] ?? "", receipt: encodeBase64Url(receipt) } };
}

async function spliceCards(scene: Scene): Promise<void> {
  const { one, two } = scene.parts;
  const left = await scene.phone(one);
  const right = await scene.phone(two);
  await spliceWith(scene, left, right);
  const ours = await left.decide();
  const theirs = await right.decide();
  await scene.refuseAtCard("their result", theirs.result, () => left.deliver(theirs.result));
  await scene.refuseAtCard("our result", ours.result, () => right.deliver(ours.result));
  await scene.notServing("results swapped", left);
  await scene.notServing("results swapped", right);
  const [mine, foreign] = [await left.deliver(ours.result), await right.deliver(theirs.result)];
  await refuseMixtures(
    scene,
    "receipt",
    [receiptOf(ours, mine), receiptOf(theirs, foreign)],
    (receipt) => left.acknowledge(receipt.sid, receipt.body),
  );
  await scene.recover(two);
}

/** Both modules answer; the attacker mixes IMSI, kind and answer. */
async function spliceModules(scene: Scene): Promise<void> {
  const { one, two } = scene.parts;
  const left = await scene.phone(one);
  const right = await scene.phone(two);
  const foreign = await right.begin();
  const theirs = await right.respond(foreign);
  const first = await left.begin();
  await scene.fail("their answer", left, first, left.statement(theirs));
  const second = await left.begin();
  await scene.fail("their answer and IMSI", left, second, left.statement(theirs, right.imsi));
  const third = await left.begin();
  const ours = await left.respond(third);
  await scene.fail("our answer, their IMSI", left, third, left.statement(ours, right.imsi));
  const fourth = await left.begin();
  const crossed = await right.respond(fourth);
  await scene.fail("their module, our challenge", left, fourth, left.statement(crossed));
  const last = await left.begin();
  const mixed = await left.respond(last);
  if (mixed.kind !== "res" || theirs.kind !== "res") return;
  const values = mixed.values.map((value, i) => (i === 0 ? (theirs.values[0] ?? value) : value));
  await scene.fail("one value of theirs", left, last, left.statement({ kind: "res", values }));
  await scene.recover(two);
}

/** A step 2 to two points of presence at once, equal or with another claim under the same proof. */
async function twoFronts(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const opening = await phone.start();
  const other = { ...opening, body: { ...opening.body, moduleKind: otherKind(opening) } };
  const prove: Send = (sent, front) => phone.prove(sent, front);
  await sendAtOnce(scene, "step 2 and another claim", prove, [opening, other, opening]);
  const next = await phone.start();
  const [reply, ...rest] = await sendAtOnce(scene, "step 2", prove, [next, next]);
  if (reply === undefined || rest.length !== 1)
    return scene.accept("step 2: one of two equal ones was refused");
  const signed = await phone.reply(await phone.receive(next.sid, reply));
  const changed = { ...signed, body: { ...signed.body, token: opening.body["token"] ?? "" } };
  const answer: Send = (sent, front) => phone.send(sent, front);
  await sendAtOnce(scene, "step 3", answer, [signed, signed, changed]);
  // Two sessions of one card at once: the card goes on with the newest, the platform with one.
  const [early, late] = [await phone.start(), await phone.start()];
  await Promise.all([phone.prove(early, 0), phone.prove(late, 1)]);
  scene.attempt("two sessions at once", wire(early.sid, late.body));
  await scene.idle("two sessions at once", phone);
  return undefined;
}

function otherKind({ body }: Opening): string {
  return body["moduleKind"] === "SIM" ? "USIM" : "SIM";
}

type Send = (sent: Sent, front: Front) => Promise<Answer>;

/** All at once, by both fronts in turn: one body is taken, and each time with the same bytes. */
async function sendAtOnce(
  scene: Scene,
  name: string,
  send: Send,
  messages: readonly Sent[],
): Promise<Answer[]> {
  scene.attempt(name, messages.map(({ sid, body }) => wire(`/${sid}`, body)).join("\n"));
  const answers = await Promise.all(
    messages.map((sent, index) => send(sent, index % 2 === 0 ? 0 : 1)),
  );
  const isTaken = (at: number): boolean => (answers[at]?.status ?? 500) < 300;
  const taken = answers.filter((_, at) => isTaken(at));
  const bodies = messages.filter((_, at) => isTaken(at)).map(({ body }) => JSON.stringify(body));
  if (new Set(bodies).size > 1) scene.accept(`${name}: two bodies were taken`);
  if (new Set(taken.map(({ text }) => text)).size > 1) scene.accept(`${name}: two answers`);
  return taken;
}

/** The module or the card is another one between two steps. */
async function swap(scene: Scene): Promise<void> {
  const { one, two } = scene.parts;
  const left = await scene.phone(one);
  const right = await scene.phone(two);
  const forged = one.subscriber.forge();
  const stranger = forged.connect();
  for (const [name, module] of [
    ["another module answers", right.module],
    ["a module of the same IMSI and other keys answers", stranger],
  ] as const) {
    const asked = await left.begin();
    const { answer } = await module.authenticate(asked.challenge);
    await scene.fail(name, left, asked, left.statement(answer));
  }
  // The other card takes over after step 2: it signs this challenge under its own transcript.
  const opening = await left.start();
  const reply = await left.prove(opening);
  await right.start();
  if (left.isEncrypted) {
    const message = Buffer.from(String(reply.json["challenge"]), "base64url");
    await scene.refuseAtCard("another card opens the challenge", message, () =>
      right.applet.openChallenge(message),
    );
  } else {
    const asked = await left.receive(opening.sid, reply);
    const signed = await right.sign(asked, right.statement(await left.respond(asked), left.imsi));
    await scene.refuse("another card signs", wire(signed.sid, signed.body), () =>
      right.send(signed),
    );
  }
  // It takes over with the result: only the card that proved itself may serve.
  const { result } = await left.decide();
  await right.decide();
  await scene.refuseAtCard("another card takes the result", result, () => right.deliver(result));
  await scene.notServing("another card", right);
  await left.pair.card.device.reset();
  await left.applet.select();
  await scene.refuseAtCard("the card was taken out", result, () => left.deliver(result));
  await scene.notServing("the card was taken out", left);
  await scene.recover(two);
}

export const SPLICING: readonly Attack[] = [
  { name: "two sessions", invariant: "I7", run: spliceSessions },
  { name: "two cards", invariant: "I7", run: spliceCards },
  { name: "two modules", invariant: "I2", run: spliceModules },
  { name: "two points of presence", invariant: "I3", run: twoFronts },
  { name: "swapped between steps", invariant: "I2", run: swap },
];
