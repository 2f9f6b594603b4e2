/** Kills, retries and quotas: what the platform keeps holds, whatever the client does around it. */
import { DEFAULT_LIMITS } from "#edge/limits";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { sealedPart } from "#protocol/sealed-messages";
import { bytesOf, textOf } from "#tests/platform/exchange";
import type { FleetSubscriber } from "#tests/fleet/fleet";
import type { Answer } from "#tests/platform/rig";
import { lastValue } from "./alterations.ts";
import { autsAnswer, moduleAt } from "./attacks-identity.ts";
import { type Asked, type Body, Phone, PhoneError, withMember } from "./phone.ts";
import { type Attack, type Scene, wire } from "./scene.ts";

/** The same body before and after a kill: the same bytes. Another body: refused. */
async function killPlatform(scene: Scene): Promise<void> {
  const { world } = scene.parts;
  const phone = await scene.phone();
  const opening = await phone.start();
  const { sid } = opening;
  const before = await phone.prove(opening);
  await world.restart("wide");
  await expectBytes(scene, "step 2 after a kill", opening.body, before, () => phone.prove(opening));
  const kind = phone.module.kind === "SIM" ? "USIM" : "SIM";
  const renamed = withMember(opening.body, "moduleKind", kind);
  await scene.refuse("another step 2 after a kill", wire(`/${sid}/card`, renamed), () =>
    phone.prove({ sid, body: renamed }),
  );
  const asked = await phone.receive(sid, before);
  const signed = await phone.reply(asked);
  // Killed with step 3 on its way: that answer, if there is one, never arrives.
  const lost = phone.send(signed).catch(() => undefined);
  await world.restart("wide");
  await lost;
  const answer = await phone.send(signed);
  await expectBytes(scene, "step 3 after a kill", signed.body, answer, () => phone.send(signed));
  for (const body of lastBitFlipped(signed.body))
    await scene.refuse("another step 3 after a kill: a bit", wire(`/${sid}/answer`, body), () =>
      phone.send({ sid, body }),
    );
  const receipt = await phone.deliver(bytesOf(answer.json["result"]));
  const sent = { token: asked.token, receipt: encodeBase64Url(receipt) };
  const told = await phone.acknowledge(sid, sent);
  await expectBytes(scene, "a receipt again", sent, told, () => phone.acknowledge(sid, sent));
  await scene.control("one SUCCESS", async () => {
    return (await scene.readVerdict(sid, true)) === "SUCCESS" && told.status === 204;
  });
}

async function expectBytes(
  scene: Scene,
  name: string,
  body: Body,
  before: Answer,
  send: () => Promise<Answer>,
): Promise<void> {
  scene.attempt(name, wire(name, body));
  await scene.unchanged(name, async () => {
    const after = await send();
    if (after.status !== before.status || after.text !== before.text)
      scene.accept(`${name}: ${after.status} ${after.text.slice(0, 80)}`);
  });
}

function lastBitFlipped(body: Body): Body[] {
  return Object.keys(body)
    .filter((name) => name !== "token")
    .map((name) => {
      const bytes = new Uint8Array(bytesOf(body[name]));
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      return withMember(body, name, encodeBase64Url(bytes));
    });
}

/**
 * The client knows what is sealed to and by the card, but for the result: so it sees the key
 * stream of each message. No two messages may have one.
 */
async function compareKeyStreams(scene: Scene): Promise<void> {
  const { world, one } = scene.parts;
  const phone = await scene.phone();
  const seen = new Map<string, string>();
  const look = (name: string, sealed: Uint8Array, plaintext: Uint8Array): void => {
    scene.attempt(name, sealed);
    const stream = encodeHex(plaintext.subarray(0, 16).map((byte, i) => byte ^ (sealed[i] ?? 0)));
    const bytes = encodeHex(sealed);
    if ((seen.get(stream) ?? bytes) !== bytes) scene.accept(`${name}: a key stream again`);
    seen.set(stream, bytes);
  };
  const answerWith = async (name: string, asked: Asked, statement: Uint8Array) => {
    look(`${name}, asked`, lastValue(asked.message), sealedPart(asked.bytes));
    const signed = await phone.sign(asked, statement);
    look(`${name}, answered`, lastValue(bytesOf(signed.body["sealed"])), statement);
    return { signed, answer: await phone.send(signed) };
  };
  for (let nth = 0; nth < 2; nth++) {
    const asked = await phone.begin();
    await answerWith(`session ${nth}`, asked, phone.statement(await phone.respond(asked)));
  }
  if (scene.isUsim) {
    // Past the jump of a restored backup.
    const [ahead, farAhead] = [2 ** 25, 2 ** 26].map((seq) => moduleAt(one.subscriber, seq));
    if (ahead === undefined || farAhead === undefined) throw new PhoneError("no modules");
    const asked = await phone.begin();
    const first = phone.statement(await autsAnswer(ahead, asked));
    const { answer } = await answerWith("round 0", asked, first);
    const next = await phone.receive(asked.sid, answer);
    await answerWith("round 1", next, phone.statement(await autsAnswer(farAhead, next)));
  }
  // The platform is killed between the challenge and its repetition, and between two answers.
  const opening = await phone.start();
  const reply = await phone.prove(opening);
  await world.restart("wide");
  const again = await phone.prove(opening);
  if (again.text !== reply.text) scene.accept("a challenge sealed again after a kill");
  const last = await phone.receive(opening.sid, again);
  const statement = phone.statement(await phone.respond(last));
  const { signed, answer } = await answerWith("after a kill", last, statement);
  const repeated = await phone.send(signed);
  scene.attempt("the result asked for again", wire("answer", signed.body));
  if (repeated.text !== answer.text) scene.accept("a result sealed again");
  await scene.control("the result", async () => {
    await phone.deliver(bytesOf(answer.json["result"]));
    return (await phone.state()) === "serving";
  });
}

/** An unrelated card asks for the victim's challenges, and one card for many subscribers'. */
async function drainQuotas(scene: Scene): Promise<void> {
  const { world, cell } = scene.parts;
  const { fleet } = world;
  const options = { suite: cell.suite, modes: [cell.mode], kind: cell.card };
  const [card, attacking, asking] = [
    await fleet.addCard(options),
    await fleet.addCard(options),
    await fleet.addCard(options),
  ];
  const subscriber = await fleet.addSubscriber({ operator: "46001", kind: cell.module });
  await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
  const victim = await Phone.assemble(world, { card, subscriber });
  await scene.control("a pair that is known", async () => (await victim.bind()).sid !== "");
  await world.restart("usual");
  const { challengesPerImsiHour, reservedPerImsiHour, imsisPerCardHour } = DEFAULT_LIMITS;
  const theirs = subscriber.forge();
  const attacker = await Phone.assemble(world, { card: attacking, subscriber: theirs });
  const drained = await askOften(scene, attacker, challengesPerImsiHour, () => subscriber.imsi);
  if (drained > challengesPerImsiHour - reservedPerImsiHour)
    scene.accept(`another card was given ${drained} challenges of one subscriber`);
  const others: FleetSubscriber[] = [];
  for (let nth = 0; nth < imsisPerCardHour + 3; nth++)
    others.push(await fleet.addSubscriber({ operator: "46001", kind: cell.module }));
  const asker = await Phone.assemble(world, { card: asking, subscriber: theirs });
  const asked = await askOften(scene, asker, others.length, (nth) => others[nth]?.imsi ?? "");
  if (asked > imsisPerCardHour) scene.accept(`one card asked about ${asked} subscribers`);
  await scene.control("challenges were given at all", async () => drained > 0 && asked > 0);
  await scene.control("the victim's reserve", async () => {
    const again = await Phone.assemble(world, { card, subscriber });
    await again.bind();
    return (await again.state()) === "serving";
  });
  await world.restart("wide");
}

/** How many challenges were real: a well-formed dummy looks the same, the audit index knows. */
async function askOften(
  scene: Scene,
  phone: Phone,
  times: number,
  imsiOf: (nth: number) => string,
): Promise<number> {
  let real = 0;
  for (let nth = 0; nth < times; nth++) {
    const { sid, body } = await phone.start();
    const token = bytesOf(body["token"]);
    const claim: Body = { ...body, ...(await phone.nameImsi(imsiOf(nth), token)) };
    scene.attempt(`challenge ${nth} of ${phone.pair.card.cardId}`, wire(`/${sid}/card`, claim));
    const reply = await phone.prove({ sid, body: claim });
    if (reply.json["challenge"] === undefined) {
      if (textOf(reply.json["code"]) === "") throw new PhoneError("neither challenge nor problem");
      continue;
    }
    real += (await scene.readObjection(sid)) === "" ? 1 : 0;
    const asked = await phone.receive(sid, reply);
    const refusal = phone.statement({ kind: "refusal", statusWord: 0x9862 }, imsiOf(nth));
    await scene.failReply("a drained challenge", phone, await phone.sign(asked, refusal));
  }
  return real;
}

export const OUTLASTING: readonly Attack[] = [
  { name: "same body around a kill", invariant: "I12", run: killPlatform },
  {
    name: "one key stream twice",
    invariant: "I16",
    findAbsence: ({ mode }) => (mode === "signed" ? "signed mode seals nothing" : undefined),
    run: compareKeyStreams,
  },
  { name: "quotas drained", invariant: "I6", run: drainQuotas },
];
