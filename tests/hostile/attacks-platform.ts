/** Reports, restores, rotated keys, idempotency and guessing: the attacker against the platform. */
import { decodeBase64Url, encodeBase64Url, encodeHex, equalBytes } from "#protocol/bytes";
import { textOf } from "#tests/platform/exchange";
import type { Answer } from "#tests/platform/rig";
import { askUnlock, lockRightly } from "./attacks-unlock.ts";
import { type Body, type Opening, Phone, PhoneError, withMember } from "./phone.ts";
import { type Attack, type Scene, wire } from "./scene.ts";

const ONE = ["Ada Lovelace"] as const;
const TWO = ["Ada Lovelace", "Grace Hopper"] as const;

/** Step 3, or its SUCCESS, kept until the card was reported. */
async function holdSuccess(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const before = await phone.reply(await phone.begin());
  await scene.order({ order: "report", reason: "lost", by: ONE });
  await scene.failReply("step 3 kept until the report", phone, before);
  scene.attempt("step 3 kept until the report", wire(before.sid, before.body));
  const late = await phone.begin();
  const statement = phone.statement(await phone.respond(late).catch(() => REFUSAL));
  await scene.fail("a session after the report", phone, late, statement);
  await scene.order({ order: "unlock", by: TWO });
  await scene.recover();

  const again = await scene.phone();
  const decided = await again.decide();
  await scene.order({ order: "report", reason: "lost", by: ONE });
  await scene.refuse(
    "a stored SUCCESS asked for after the report",
    wire("answer", decided.body),
    () => again.send(decided),
  );
  // The attacker has the bytes. They serve this session of this card, and no other.
  await again.start();
  await scene.refuseAtCard("kept until the next session", decided.result, () =>
    again.deliver(decided.result),
  );
  await again.pair.card.device.reset();
  await again.applet.select();
  await scene.refuseAtCard("kept until a reset", decided.result, () =>
    again.deliver(decided.result),
  );
  await scene.notServing("a SUCCESS kept", again);
  await scene.order({ order: "unlock", by: TWO });
}

const REFUSAL = { kind: "refusal", statusWord: 0x9862 } as const;

/** One session and step, two bodies: the first is taken, the other never, in whichever order. */
async function sendTwoBodies(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const opening = await phone.start();
  const reply = await phone.prove(opening);
  const { sid } = opening;
  const kinds = ["SIM", "USIM", "UIM"].filter((kind) => kind !== opening.body["moduleKind"]);
  const token = Buffer.from(opening.body["token"] ?? "", "base64url");
  const others: Body[] = kinds.map((kind) => withMember(opening.body, "moduleKind", kind));
  for (const imsi of [scene.parts.two.subscriber.imsi, "460019999999999", "460010000000001"])
    others.push({ ...opening.body, ...(await phone.nameImsi(imsi, token)) });
  await scene.unchanged("another step 2", async () => {
    for (const [index, body] of others.entries())
      await scene.refuse(`another step 2: #${index}`, wire(`/${sid}/card`, body), () =>
        phone.prove({ sid, body }),
      );
  });
  const asked = await phone.receive(sid, reply);
  const signed = await phone.reply(asked);
  const answer = await phone.send(signed);
  const result = Buffer.from(textOf(answer.json["result"]), "base64url");
  await scene.unchanged("another step 3", async () => {
    for (const [index, body] of changedBodies(signed.body).entries())
      await scene.refuse(`another step 3: #${index}`, wire(`/${sid}/answer`, body), () =>
        phone.send({ sid, body }),
      );
  });
  const receipt = { token: asked.token, receipt: encodeBase64Url(await phone.deliver(result)) };
  await scene.control("the receipt", async () => {
    return (await phone.acknowledge(sid, receipt)).status === 204;
  });
  await scene.unchanged("another receipt", async () => {
    for (const [index, body] of changedBodies(receipt).entries())
      await scene.refuse(`another receipt: #${index}`, wire(`/${sid}/receipt`, body), () =>
        phone.acknowledge(sid, body),
      );
  });
}

/** The last byte of each member but the token, changed in four ways. */
function changedBodies(body: Body): Body[] {
  return Object.keys(body)
    .filter((name) => name !== "token")
    .flatMap((name) =>
      [1, 2, 16, 128].map((bits) => {
        const bytes = new Uint8Array(Buffer.from(body[name] ?? "", "base64url"));
        bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ bits;
        return withMember(body, name, encodeBase64Url(bytes));
      }),
    );
}

/** T lives for a minute; a thousand guesses may take longer. */
const GUESSES_PER_TOKEN = 100;

/** Bad proofs with the victim's card id and IMSI, and the same for a card that nobody has. */
async function guessProofs(scene: Scene): Promise<void> {
  const { seeded, two, guesses } = scene.parts;
  const phone = await scene.phone();
  const nobody = `46001${"9".repeat(10)}`;
  const imsis = [phone.imsi, nobody, two.subscriber.imsi];
  let victim = await phone.start();
  await scene.unchanged("bad proofs", async () => {
    let stranger = await askAsNobody(scene, phone);
    for (let nth = 0; nth < guesses; nth++) {
      if (nth % GUESSES_PER_TOKEN === GUESSES_PER_TOKEN - 1) {
        victim = await phone.start();
        stranger = await askAsNobody(scene, phone);
      }
      const imsi = imsis[nth % imsis.length] ?? nobody;
      const token = decodeBase64Url(victim.body["token"] ?? "") ?? new Uint8Array(0);
      const claim = { ...victim.body, ...(await phone.nameImsi(imsi, token)) };
      const proof = new Uint8Array(decodeBase64Url(claim["proof"] ?? "") ?? []);
      proof.set(seeded.bytes(8), proof.length - 8);
      const body = { ...claim, proof: encodeBase64Url(proof) };
      const known = await guess(scene, "a bad proof", { sid: victim.sid, body });
      const unknown = await guess(scene, "an unknown card", {
        sid: stranger.sid,
        body: { ...body, cardId: stranger.cardId, token: stranger.token },
      });
      if (unknown.status !== known.status || unknown.text !== known.text)
        scene.accept(`an unknown card is told: ${unknown.text}, a known one: ${known.text}`);
    }
  });
  await scene.idle("bad proofs", phone);
  await scene.control("the victim's own proof", async () => {
    return (await phone.prove(victim)).status === 200;
  });
}

async function guess(scene: Scene, name: string, { sid, body }: Opening): Promise<Answer> {
  const path = `/${sid}/card`;
  const answer = await scene.parts.world.post(0, path, body);
  await scene.refuse(`${name}: guessed`, wire(path, body), async () => answer);
  return answer;
}

/** T for an id that no card has, of the same suite and mode: a keyed hash of the id chooses. */
async function askAsNobody(scene: Scene, phone: Phone) {
  const { suite, mode } = phone.pair.card;
  for (let tries = 0; tries < UNKNOWN_IDS_MAX; tries++) {
    const cardId = encodeHex(scene.parts.seeded.bytes(8)).toUpperCase();
    const offer = { cardId, suites: [suite.name], modes: [mode] };
    const terms = await phone.ask(offer).catch(() => undefined);
    if (terms !== undefined) return { ...terms, cardId, token: encodeBase64Url(terms.token) };
  }
  throw new PhoneError("no unknown card of this suite and mode");
}

const UNKNOWN_IDS_MAX = 200;

/** What was issued under a platform key that the floor overtook. */
async function useOldGeneration(scene: Scene): Promise<void> {
  const { world, one } = scene.parts;
  const suite = one.card.suite.name;
  const phone = await scene.phone();
  const old = await phone.ask();
  const open = await phone.reply(await phone.begin());
  const floor = await world.fleet.addPlatformKey(suite);
  const mixed = { ...(await phone.ask()), credential: old.credential };
  await world.fleet.admin.setFloor({ tenant: world.fleet.tenant, suite, floor });
  // It may end in SUCCESS, under a key that is void to the card by its floor.
  const ended = await phone.send(open);
  const result = Buffer.from(textOf(ended.json["result"]), "base64url");
  await scene.refuseAtCard("a result under the old key", result, () => phone.deliver(result));
  await scene.notServing("the old key", phone);
  await scene.control("under the new key", async () => {
    await phone.bind();
    return (await phone.applet.readStatus()).floor === floor;
  });
  await phone.applet.select();
  for (const [name, terms] of [
    ["the old T and credential", old],
    ["the old credential under the new T", mixed],
  ] as const)
    await scene.refuseAtCard(name, Uint8Array.of(...terms.token, ...terms.credential), () =>
      phone.open(terms),
    );
  const fresh = await phone.ask();
  const crossed = await phone.open({ ...old, credential: fresh.credential });
  await scene.refuse("the old T under the new credential", wire(crossed.sid, crossed.body), () =>
    phone.prove(crossed),
  );
  await scene.notServing("the old key", phone);
}

/** The lock and its lifting are lost with the state; the card is locked. */
async function liftAfterRestore(scene: Scene, phone: Phone, lost: Uint8Array): Promise<void> {
  const { suite } = phone.pair.card;
  const report = await phone.start();
  await scene.refuseAtCard("a lost unlock", lost, () => phone.applet.unlock(suite, lost));
  if ((await phone.state()) !== "locked") scene.accept("a lost unlock lifted the lock");
  // The platform learns of the lock from the card.
  await phone.prove(report);
  await scene.order({ order: "unlock", by: TWO });
  const grant = await askUnlock(phone);
  await scene.refuseAtCard("a lost unlock, granted anew", lost, () =>
    phone.applet.unlock(suite, lost),
  );
  const { bytes } = await phone.applet.unlock(suite, grant.unlock);
  const receipt = { token: grant.token, receipt: encodeBase64Url(bytes) };
  await scene.control("an unlock after the restore", async () => {
    return (await phone.acknowledge(grant.sid, receipt)).status === 204;
  });
}

/** State wound back to a backup: what was issued since is void, and no SQN comes again. */
async function restoreBackup(scene: Scene): Promise<void> {
  const { world, one, two } = scene.parts;
  const phone = await scene.phone();
  await phone.bind();
  const restore = await world.backup();
  const lost = await phone.bind();
  const challenged = await phone.begin();
  const pending = await phone.reply(challenged);
  const opening = await phone.start();
  const stranger = await Phone.assemble(world, { card: one.card, subscriber: two.subscriber });
  await lockRightly(scene, stranger);
  await scene.order({ order: "unlock", by: TWO });
  const lift = await askUnlock(phone);
  await restore();
  await scene.refuse("the old T", wire("card", opening.body), () => phone.prove(opening));
  await scene.refuse("the old T2", wire("answer", pending.body), () => phone.send(pending));
  await scene.refuse("a lost session's step 3", wire("answer", lost.body), () => phone.send(lost));
  await scene.refuse("a lost receipt", wire("receipt", lost.receipt), () =>
    phone.acknowledge(lost.sid, lost.receipt),
  );
  await liftAfterRestore(scene, phone, lift.unlock);
  const next = await phone.begin();
  if (next.challenge.rands.some((rand) => equalBytes(rand, challenged.challenge.rands[0] ?? rand)))
    scene.accept("a RAND came again");
  const answer = await phone.respond(next);
  scene.attempt("SQN after the restore", next.bytes);
  if (answer.kind === "auts") scene.accept("an SQN came again");
  const signed = await phone.sign(next, phone.statement(answer));
  const decided = await phone.send(signed);
  const result = Buffer.from(textOf(decided.json["result"]), "base64url");
  await scene.refuseAtCard("a lost result", lost.result, () => phone.deliver(lost.result));
  await scene.control("the first binding after the restore", async () => {
    await phone.deliver(result);
    return (await phone.state()) === "serving";
  });
}

export const AGAINST_THE_PLATFORM: readonly Attack[] = [
  { name: "SUCCESS held back", invariant: "I11", run: holdSuccess },
  { name: "one session, two bodies", invariant: "I3", run: sendTwoBodies },
  { name: "bad proofs for a victim", invariant: "I14", run: guessProofs },
  { name: "old platform key", invariant: "I7", run: useOldGeneration },
  { name: "backup restored", invariant: "I4", run: restoreBackup },
];
