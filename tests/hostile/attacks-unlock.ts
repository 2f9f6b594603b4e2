/** A card that is rightly locked, and the messages that lift a lock: altered, kept, replayed. */
import { encodeBase64Url } from "#protocol/bytes";
import { bytesOf, textOf } from "#tests/platform/exchange";
import { alterMember, flipFields, misshape } from "./alterations.ts";
import { Phone, PhoneError } from "./phone.ts";
import { type Attack, type Scene, wire } from "./scene.ts";

const ONE = ["Ada Lovelace"] as const;
const TWO = ["Ada Lovelace", "Grace Hopper"] as const;

interface Grant {
  readonly sid: string;
  readonly token: string;
  readonly unlock: Uint8Array;
}

/** A module that no rule allows beside this card locks it: the rule says so. */
export async function lockRightly(scene: Scene, phone: Phone): Promise<void> {
  await scene.control("the lock", async () => {
    const decided = await phone.decide();
    await phone.deliver(decided.result).catch(() => undefined);
    const state = await phone.state();
    if (state === "serving") scene.accept("a module that no rule allows");
    return state === "locked";
  });
}

export async function askUnlock(phone: Phone): Promise<Grant> {
  const opening = await phone.start();
  const { json, text } = await phone.prove(opening);
  if (json["unlock"] === undefined) throw new PhoneError(`no unlock: ${text.slice(0, 80)}`);
  return { sid: opening.sid, token: textOf(json["token"]), unlock: bytesOf(json["unlock"]) };
}

/** Everything but UNLOCK on a locked card. */
async function useLocked(scene: Scene, phone: Phone, old: Uint8Array): Promise<void> {
  const { applet } = phone;
  const opening = await phone.start();
  scene.attempt("step 2 of a locked card", wire(opening.sid, opening.body));
  const { json } = await phone.prove(opening);
  if (json["verdict"] !== "FAILURE") scene.accept("a locked card got a challenge");
  const statement = phone.rawStatement(Uint8Array.of(0x97, 2, 0x98, 0x62));
  for (const [name, act] of [
    [
      "ANSWER",
      () =>
        phone.isEncrypted
          ? applet.sealAnswer(statement)
          : applet.signAnswer(phone.pair.card.suite, Uint8Array.of(0x90, 1, 0), statement),
    ],
    ["OPEN CHALLENGE", () => applet.openChallenge(old)],
    ["RESULT", () => phone.deliver(old)],
    ["SIGN", () => applet.sign(statement)],
    ["UNLOCK with a result", () => applet.unlock(phone.pair.card.suite, old)],
  ] as const)
    await scene.refuseAtCard(`${name} while locked`, `${name} ${phone.imsi}`, act);
  const { sid, body } = opening;
  for (const { name, value } of alterMember(body, "proof", (bytes) =>
    flipFields(bytes, scene.parts.seeded, 2),
  ))
    await scene.refuse(`while locked, ${name}`, wire(`/${sid}/card`, value), () =>
      phone.prove({ sid, body: value }),
    );
}

async function abuseUnlock(scene: Scene): Promise<void> {
  const { one, two, world, seeded, perField } = scene.parts;
  const honest = await scene.phone();
  const old = await honest.bind();
  await honest.applet.select();
  const stranger = await Phone.assemble(world, { card: one.card, subscriber: two.subscriber });
  await lockRightly(scene, stranger);
  const phone = await scene.phone();
  const { suite } = one.card;
  const stillLocked = async (name: string): Promise<void> => {
    if ((await phone.state()) !== "locked") scene.accept(`${name}: the lock is gone`);
  };
  await useLocked(scene, phone, old.result);
  await stillLocked("a locked card used");
  await scene.order({ order: "unlock", by: TWO });
  const first = await askUnlock(phone);
  for (const { name, value } of [
    ...flipFields(first.unlock, seeded, perField),
    ...misshape(first.unlock),
  ])
    await scene.refuseAtCard(`altered ${name}`, value, () => phone.applet.unlock(suite, value));
  await stillLocked("altered unlocks");
  const second = await askUnlock(phone);
  await scene.refuseAtCard("of the session before", first.unlock, () =>
    phone.applet.unlock(suite, first.unlock),
  );
  await stillLocked("an unlock of the session before");
  await one.card.device.reset();
  await phone.applet.select();
  await scene.refuseAtCard("after a reset", second.unlock, () =>
    phone.applet.unlock(suite, second.unlock),
  );
  await stillLocked("an unlock after a reset");
  const grant = await askUnlock(phone);
  const { bytes } = await phone.applet.unlock(suite, grant.unlock);
  const receipt = { token: grant.token, receipt: encodeBase64Url(bytes) };
  await scene.unchanged("altered unlock receipts", async () => {
    for (const { name, value } of alterMember(receipt, "receipt", (content) =>
      flipFields(content, seeded, perField),
    ))
      await scene.refuse(`its ${name}`, wire(grant.sid, value), () =>
        phone.acknowledge(grant.sid, value),
      );
  });
  await scene.control(
    "the unlock",
    async () => (await phone.acknowledge(grant.sid, receipt)).status === 204,
  );
  await scene.refuseAtCard("UNLOCK again", grant.unlock, () =>
    phone.applet.unlock(suite, grant.unlock),
  );
  await scene.notServing("an unlocked card", phone);
  await replayUnlock(scene, phone, grant);
}

/** The same card locked again, by a report: the old unlock fits neither nonce, lock nor epoch. */
async function replayUnlock(scene: Scene, phone: Phone, old: Grant): Promise<void> {
  const { suite } = phone.pair.card;
  await phone.bind();
  await scene.order({ order: "report", reason: "stolen", by: ONE });
  const asked = await phone.begin();
  const refusal = { kind: "refusal", statusWord: 0x9862 } as const;
  const answer = await phone.send(await phone.sign(asked, phone.statement(refusal)));
  await phone.deliver(bytesOf(answer.json["result"]));
  await scene.control("the lock of a stolen card", async () => (await phone.state()) === "locked");
  await phone.start();
  await scene.refuseAtCard("an old unlock, new lock", old.unlock, () =>
    phone.applet.unlock(suite, old.unlock),
  );
  await scene.order({ order: "unlock", by: TWO });
  const grant = await askUnlock(phone);
  await scene.refuseAtCard("an old unlock, new grant", old.unlock, () =>
    phone.applet.unlock(suite, old.unlock),
  );
  if ((await phone.state()) !== "locked") scene.accept("an old unlock lifted a new lock");
  const { bytes } = await phone.applet.unlock(suite, grant.unlock);
  await scene.control("the second unlock", async () => {
    const receipt = encodeBase64Url(bytes);
    return (await phone.acknowledge(grant.sid, { token: grant.token, receipt })).status === 204;
  });
}

export const UNLOCKING: readonly Attack[] = [
  { name: "old unlocks and receipts", invariant: "I8", run: abuseUnlock },
];
