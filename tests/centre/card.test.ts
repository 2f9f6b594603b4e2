/** The same through the card's writer: rounds, strengths and rules as they end in a decision. */
import { afterEach, expect, test } from "bun:test";
import { decodeChallenge } from "#protocol/messages";
import { MODULE_KIND_NUMBERS } from "#protocol/suites";
import { bytesOf, createExchange } from "#tests/platform/exchange";
import { ADMIN_KEY } from "#tests/platform/rig";
import { type Bench, createBench, HOME, readDurable } from "../invariants/bench.ts";
import { lockPhase, reasonsOf } from "../invariants/order-scene.ts";
import { convertRes } from "../emulators/sim/conversions.ts";
import { MILENAGE } from "./phones.ts";

let bench: Bench | undefined;
async function open(): Promise<Bench> {
  bench = await createBench();
  return bench;
}
afterEach(async () => {
  await bench?.rig.dispose();
  bench = undefined;
});

async function put({ rig }: Bench, path: string, body: object): Promise<number> {
  const response = await rig.fetch(`http://rig.test/v1/admin/${path}`, {
    method: "PUT",
    headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return response.status;
}

const formsOf = ({ rig }: Bench) =>
  readDurable(rig, "SELECT form, round FROM slot_challenge ORDER BY number").map(
    ({ form, round }) => `${String(form)} ${String(round)}`,
  );

test("an ordered update of SSD is two rounds of one binding, and the module has new SSD after it", async () => {
  const scene = await open();
  const { fleet, card } = scene;
  const uim = await fleet.addSubscriber({ operator: HOME, kind: "UIM" });
  await fleet.addRule(card, { imsi: uim.imsi }, "lock");
  const phone = await fleet.assemblePhone(card, uim);
  const bind = async () => (await phone.bind()).outcome.verdict;
  expect(await bind()).toBe("SUCCESS");
  const before = JSON.stringify(uim.device.snapshot());
  expect(await put(scene, `subscribers/${uim.imsi}/ssd-update`, {})).toBe(204);
  expect(await bind()).toBe("SUCCESS");
  expect(JSON.stringify(uim.device.snapshot())).not.toBe(before);
  expect(await bind()).toBe("SUCCESS");
  expect(formsOf(scene)).toEqual(["CAVE 0", "SSD update 0", "CAVE 1", "CAVE 0"]);
  expect(await reasonsOf(scene, "ssd_offered")).toEqual([""]);
  expect((await reasonsOf(scene, "ssd_update_concluded")).length).toBe(1);
  expect((await reasonsOf(scene, "decided")).every((reason) => reason.endsWith("CAVE"))).toBe(true);
});

/** A USIM's keys in a terminal that claims a SIM, from step 316 on. */
async function bindAsSim({ rig, card, subscriber }: Bench): Promise<unknown> {
  const attempt = await createExchange(rig, card, subscriber);
  const { imsi } = MILENAGE;
  const body = { ...(await attempt.start()), imsi };
  const { sid, ...rest } = body;
  const reply = await rig.post(`/${sid}/card`, { ...rest, moduleKind: "SIM" });
  const challenge = decodeChallenge(bytesOf(reply.json["challenge"]));
  expect(challenge?.rands.length).toBe(2);
  const values = challenge?.rands.map((rand) => convertRes(MILENAGE.respond(rand))) ?? [];
  const signed = await attempt.sign(reply, {
    imsi,
    moduleKind: MODULE_KIND_NUMBERS.SIM,
    answer: { kind: "res", values },
  });
  const verdict = await attempt.answer(sid, signed);
  await attempt.finish(sid, signed.token, verdict);
  return verdict.json["verdict"];
}

test("I8: a USIM's IMSI through the GSM context is refused, not locked, unless a rule says so", async () => {
  const scene = await open();
  const { fleet, card, rig } = scene;
  const { imsi, enrolment } = MILENAGE;
  const [k, opc] = [String(enrolment["k"]), String(enrolment["opc"])];
  await fleet.admin.createSubscriber({ imsi, mncLength: 2, k, opc });
  const rule = {
    target: { card: card.cardId },
    condition: { imsi },
    onMismatch: "lock",
  } as const;
  await fleet.admin.putRule("usim", rule);
  await fleet.admin.activateRules({});
  expect(await bindAsSim(scene)).toBe("FAILURE");
  expect(lockPhase(rig)).toBe("none");
  expect((await reasonsOf(scene, "decided")).at(-1)).toContain("strength_too_low");
  await fleet.admin.putRule("usim", { ...rule, minimumStrength: "SIM" });
  await fleet.admin.activateRules({});
  expect(await bindAsSim(scene)).toBe("SUCCESS");
  expect((await reasonsOf(scene, "decided")).at(-1)).toEndWith(" SIM");
});

test("a module kind that the subscriber has not ends in FAILURE, whatever is answered", async () => {
  const scene = await open();
  const { rig, subscriber } = scene;
  const attempt = await scene.exchange();
  const { sid, ...rest } = await attempt.start();
  const reply = await rig.post(`/${sid}/card`, { ...rest, moduleKind: "UIM" });
  const challenge = decodeChallenge(bytesOf(reply.json["challenge"]));
  expect(challenge?.rands.map((rand) => rand.length)).toEqual([4, 4, 4, 4]);
  const values = [1, 2, 3, 4].map((byte) => Uint8Array.of(0, 0, byte));
  const signed = await attempt.sign(reply, {
    imsi: subscriber.imsi,
    moduleKind: MODULE_KIND_NUMBERS.UIM,
    answer: { kind: "res", values },
  });
  expect((await attempt.answer(sid, signed)).json["verdict"]).toBe("FAILURE");
  expect(readDurable(rig, "SELECT COUNT(*) AS n FROM slot_challenge")).toEqual([{ n: 0 }]);
  expect(lockPhase(rig)).toBe("none");
  expect((await reasonsOf(scene, "decided")).at(-1)).toContain("module_kind_mismatch");
});
