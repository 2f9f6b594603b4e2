/** The update of shared secret data (C.S0005, 2.3.12.1.5): two rounds, each message altered. */
import type { ModuleAnswer } from "#protocol/messages";
import { flipBit } from "#tests/invariants/bench";
import { bytesOf } from "#tests/platform/exchange";
import { type Asked, type Phone, PhoneError } from "./phone.ts";
import type { Attack, Scene } from "./scene.ts";

const RANDSSD_BYTES = 7;
const AUTHR_BYTES = 3;
const TRIES_MAX = 4;

/** A session that begins with RANDSSD; an older offer may have to be settled first. */
async function beginUpdate(scene: Scene, phone: Phone): Promise<Asked> {
  const { fleet } = scene.parts.world;
  await fleet.admin.orderSsdUpdate(phone.imsi, { tenant: fleet.tenant });
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const asked = await phone.begin();
    if (asked.challenge.rands[0]?.length === RANDSSD_BYTES) return asked;
    await phone.send(await phone.reply(asked));
  }
  throw new PhoneError("no RANDSSD");
}

async function continueWith(phone: Phone, asked: Asked, answer: ModuleAnswer): Promise<Asked> {
  const reply = await phone.send(await phone.sign(asked, phone.statement(answer)));
  return phone.receive(asked.sid, reply);
}

async function alterSsdUpdate(scene: Scene): Promise<void> {
  const { seeded } = scene.parts;
  const phone = await scene.phone();
  const guess = { kind: "res", values: [seeded.bytes(AUTHR_BYTES)] } as const;
  await scene.fail(
    "AUTHR for RANDSSD",
    phone,
    await beginUpdate(scene, phone),
    phone.statement(guess),
  );
  const answer = { kind: "auts", auts: seeded.bytes(14) } as const;
  await scene.fail(
    "AUTS for RANDSSD",
    phone,
    await beginUpdate(scene, phone),
    phone.statement(answer),
  );

  for (const [name, before, after] of [
    ["RANDSSD", flipFirst, (randbs: Uint8Array) => randbs],
    ["RANDBS", (asked: Asked) => asked, (randbs: Uint8Array) => flipBit(randbs, 5)],
  ] as const) {
    const asked = await beginUpdate(scene, phone);
    const said = await phone.respond(before(asked));
    if (said.kind !== "randbs") throw new PhoneError(`the module said ${said.kind}`);
    const next = await continueWith(phone, asked, { ...said, randbs: after(said.randbs) });
    const refusal = await phone.respond(next);
    if (refusal.kind !== "refusal") scene.accept(`${name} altered: the module took AUTHBS`);
    await scene.fail(`${name}: altered`, phone, next, phone.statement(refusal));
  }

  const asked = await beginUpdate(scene, phone);
  const randbs = await phone.respond(asked);
  const next = await continueWith(phone, asked, randbs);
  const old = phone.statement(randbs);
  if (!phone.isEncrypted)
    await scene.refuseAtCard("RANDBS again for round 0", old, () => phone.sign(asked, old));
  const { rands, autn } = next.challenge;
  const altered = { challenge: { ...next.challenge, rands, autn: flipBit(autn, 3) } };
  const refusal = await phone.respond(altered);
  if (refusal.kind !== "refusal") scene.accept("AUTHBS altered: the module took it");
  await scene.fail("RANDBS in round 1", phone, next, old);
  await scene.control("an update left alone", () => finishUpdate(scene, phone));
}

function flipFirst(asked: Asked): Asked {
  const [first = new Uint8Array(0), ...rest] = asked.challenge.rands;
  return { ...asked, challenge: { ...asked.challenge, rands: [flipBit(first, 9), ...rest] } };
}

async function finishUpdate(scene: Scene, phone: Phone): Promise<boolean> {
  const asked = await beginUpdate(scene, phone);
  const next = await continueWith(phone, asked, await phone.respond(asked));
  const answer = await phone.send(await phone.reply(next));
  await phone.deliver(bytesOf(answer.json["result"]));
  return (await phone.state()) === "serving";
}

export const UPDATING: readonly Attack[] = [
  {
    name: "altered update of SSD",
    invariant: "I5",
    findAbsence: ({ module }) => (module === "UIM" ? undefined : "only CAVE has SSD"),
    run: alterSsdUpdate,
  },
];
