/** I11: from the acknowledgement of a report on there is no SUCCESS at any point of presence. */
import { afterEach, describe, expect, test } from "bun:test";
import { createExchange, textOf } from "#tests/platform/exchange";
import type { RigOptions } from "#tests/platform/rig";
import { type Bench, createBench, HOME, readDurable } from "./bench.ts";
import {
  bind,
  dieAtSigning,
  frontOf,
  lockPhase,
  order,
  pauseAtRules,
  reasonsOf,
  reportCard,
  reportSwap,
  TWO,
} from "./order-scene.ts";

let bench: Bench | undefined;
async function open(options?: RigOptions): Promise<Bench> {
  bench = await createBench(options);
  return bench;
}
afterEach(async () => {
  await bench?.rig.dispose();
  bench = undefined;
});

/** What each slot has recorded: barred, swapped. */
const marks = (scene: Bench) =>
  readDurable(scene.rig, "SELECT barred, swapped FROM slot_status ORDER BY object").map(
    ({ barred, swapped }) => [barred, swapped],
  );

describe("a card", () => {
  test("I11: reported between the slot's word and the commit, it gets no SUCCESS", async () => {
    for (const reason of ["lost", "stolen"] as const) {
      const now: { act?: () => unknown } = {};
      const scene = await open({ wrap: pauseAtRules(now) });
      const phone = await scene.exchange();
      now.act = async () => expect((await reportCard(scene, reason)).status).toBe(204);
      expect((await phone.run()).reply.json["verdict"]).toBe("FAILURE");
      expect(await reasonsOf(scene, "decided")).toEqual([
        expect.stringContaining(`card_${reason}`),
      ]);
      expect(lockPhase(scene.rig)).toBe(reason === "stolen" ? "issued" : "none");
      await scene.rig.dispose();
      bench = undefined;
    }
  });

  test("I11: reported lost at another point of presence, it is refused and not locked", async () => {
    const scene = await open();
    expect(await bind(await scene.exchange())).toBe("SUCCESS");
    expect((await reportCard(scene, "lost", frontOf(scene.rig))).status).toBe(204);
    const phone = await scene.exchange();
    expect(await bind(phone)).toBe("FAILURE");
    expect((await phone.applet.readStatus()).state.name).toBe("idle");
    expect(lockPhase(scene.rig)).toBe("none");
    expect(await reasonsOf(scene, "card_report")).toEqual(['lost "Ada"']);
  });

  test("I11: reported stolen, its next session ends in the lock; the registry cannot undo it", async () => {
    const scene = await open();
    const { rig, fleet, card } = scene;
    expect((await reportCard(scene, "stolen")).status).toBe(204);
    expect((await reportCard(scene, "lost")).status).toBe(204);
    await fleet.admin.setCardStatus(card.cardId, { status: "active" });
    const phone = await scene.exchange();
    expect(await bind(phone)).toBe("FAILURE");
    expect((await phone.applet.readStatus()).state.name).toBe("locked");
    expect(lockPhase(rig)).toBe("locked");
  });

  test("I11: a SUCCESS that was committed and not sent is not sent after the report", async () => {
    const now = { kills: 1 };
    const scene = await open({ wrap: dieAtSigning(now) });
    const phone = await scene.exchange();
    const body = await phone.start();
    const signed = await phone.sign(await phone.prove(body));
    expect((await phone.answer(body.sid, signed)).json["code"]).toBe("unavailable");
    expect(readDurable(scene.rig, "SELECT verdict FROM card_session")).toEqual([
      { verdict: "SUCCESS" },
    ]);
    expect((await reportCard(scene, "lost")).status).toBe(204);
    expect((await phone.answer(body.sid, signed)).json["code"]).toBe("session_expired");
  });

  test("I11: a SUCCESS that is stored is not sent again after the report", async () => {
    const scene = await open();
    const phone = await scene.exchange();
    const body = await phone.start();
    const signed = await phone.sign(await phone.prove(body));
    expect((await phone.answer(body.sid, signed)).json["verdict"]).toBe("SUCCESS");
    await reportCard(scene, "lost");
    expect((await phone.answer(body.sid, signed)).json["code"]).toBe("session_expired");
  });

  test("I11: a report is on disk when it is acknowledged, and two people withdraw it", async () => {
    const scene = await open();
    expect((await reportCard(scene, "lost")).status).toBe(204);
    const rows = readDurable(scene.rig, "SELECT report, granted FROM card_order");
    expect(rows).toEqual([{ report: "lost", granted: 0 }]);
    const path = `cards/${scene.card.cardId}`;
    expect((await order(scene.rig, path, { order: "unlock", by: TWO })).status).toBe(204);
    expect(await bind(await scene.exchange())).toBe("SUCCESS");
    expect(await reasonsOf(scene, "card_unlock")).toEqual(['"Ada Lovelace" "Grace Hopper"']);
  });

  test("I11: revoked in the registry while step 3 is under way, it gets no SUCCESS", async () => {
    const now: { act?: () => unknown } = {};
    const scene = await open({ wrap: pauseAtRules(now) });
    const { cards } = scene.rig.dependencies.repositories;
    const phone = await scene.exchange();
    now.act = async () => {
      await scene.fleet.admin.setCardStatus(scene.card.cardId, { status: "revoked" });
      // The catalog forgets; the writer does not.
      await cards.setStatus("default", scene.card.cardId, "active");
    };
    expect((await phone.run()).reply.json["verdict"]).toBe("FAILURE");
  });
});

describe("a subscriber", () => {
  test("I11: a report goes to every slot of the IMSI, and back", async () => {
    const scene = await open({ environment: { SIMLATCH_SLOTS: "3", SIMLATCH_SLOT: "1" } });
    const { fleet, rig, subscriber } = scene;
    expect((await reportSwap(scene)).status).toBe(204);
    await fleet.admin.setSubscriberStatus(subscriber.imsi, { status: "barred" });
    const slots = readDurable(rig, "SELECT object FROM slot_status ORDER BY object");
    expect(slots.map(({ object }) => String(object).slice(-2))).toEqual(["#0", "#1", "#2"]);
    expect(marks(scene)).toEqual([1, 2, 3].map(() => [1, 1]));
    const path = `subscribers/${subscriber.imsi}`;
    expect((await order(rig, path, { order: "clear", by: TWO })).status).toBe(204);
    expect(marks(scene)).toEqual([1, 2, 3].map(() => [1, 0]));
    expect((await (await scene.exchange()).run()).reply.json["verdict"]).toBe("FAILURE");
    await fleet.admin.setSubscriberStatus(subscriber.imsi, { status: "active" });
    expect(marks(scene)).toEqual([1, 2, 3].map(() => [0, 0]));
    expect(await bind(await scene.exchange())).toBe("SUCCESS");
  });

  test("I11: swapped before step 2 it gets a dummy, before step 3 a refusal; nothing locks", async () => {
    const scene = await open();
    const early = await scene.exchange();
    const body = await early.start();
    const signed = await early.sign(await early.prove(body));
    await reportSwap(scene);
    expect((await early.answer(body.sid, signed)).json["verdict"]).toBe("FAILURE");
    const late = await scene.exchange();
    const started = await late.start();
    expect(await late.ask(await late.prove(started))).toMatchObject({ kind: "refusal" });
    expect(await reasonsOf(scene, "decided")).toEqual([expect.stringContaining("imsi_swapped")]);
    expect(lockPhase(scene.rig)).toBe("none");
    await scene.fleet.admin.setSubscriberStatus(scene.subscriber.imsi, { status: "active" });
    expect((await (await scene.exchange()).run()).reply.json["verdict"]).toBe("FAILURE");
  });

  test("I11: a word counts for less than two seconds", async () => {
    for (const [milliseconds, verdict] of [
      [1999, "SUCCESS"],
      [2000, "FAILURE"],
    ] as const) {
      const now: { act?: () => unknown } = {};
      const scene = await open({ wrap: pauseAtRules(now) });
      const phone = await scene.exchange();
      now.act = () => scene.rig.advance(milliseconds);
      expect((await phone.run()).reply.json["verdict"]).toBe(verdict);
      expect(lockPhase(scene.rig)).toBe("none");
      const [reason] = await reasonsOf(scene, "decided");
      expect(reason?.includes("word_expired")).toBe(verdict === "FAILURE");
      await scene.rig.dispose();
      bench = undefined;
    }
  });

  test("I11: the acknowledgement waits until every word given before has run out", async () => {
    const now: { act?: () => unknown } = {};
    const scene = await open({ wrap: pauseAtRules(now) });
    const { rig } = scene;
    const phone = await scene.exchange();
    let waited = 0;
    now.act = async () => {
      rig.advance(300);
      const asked = rig.now();
      expect((await reportSwap(scene)).status).toBe(204);
      waited = rig.now() - asked;
    };
    expect((await phone.run()).reply.json["verdict"]).toBe("FAILURE");
    expect(waited).toBe(1700);
    const asked = rig.now();
    expect((await reportSwap(scene)).status).toBe(204);
    expect(rig.now()).toBe(asked);
  });

  test("I11: a clock that was set back delays a report by no more than a word lasts", async () => {
    const scene = await open();
    const { rig } = scene;
    expect((await (await scene.exchange()).run()).reply.json["verdict"]).toBe("SUCCESS");
    rig.advance(-3_600_000);
    const asked = rig.now();
    expect((await reportSwap(scene)).status).toBe(204);
    expect(rig.now() - asked).toBeLessThanOrEqual(2000);
  });

  test("I11: a SUCCESS that was committed and not sent does not outlive its word", async () => {
    const now = { kills: 1 };
    const scene = await open({ wrap: dieAtSigning(now) });
    const phone = await scene.exchange();
    const body = await phone.start();
    const signed = await phone.sign(await phone.prove(body));
    expect((await phone.answer(body.sid, signed)).json["code"]).toBe("unavailable");
    expect((await reportSwap(scene)).status).toBe(204);
    expect((await phone.answer(body.sid, signed)).json["code"]).toBe("session_expired");
  });

  test("I11: an answer that comes again after the report gets no new word", async () => {
    const now: { act?: () => unknown } = {};
    const scene = await open({ wrap: pauseAtRules(now) });
    const phone = await scene.exchange();
    const body = await phone.start();
    const challenge = await phone.prove(body);
    const signed = await phone.sign(challenge);
    now.act = () => {
      throw new Error("killed between word and decision");
    };
    expect((await phone.answer(body.sid, signed)).json["code"]).toBe("unavailable");
    await reportSwap(scene);
    const reply = await phone.answer(body.sid, signed);
    expect(reply.json["verdict"]).toBe("FAILURE");
    expect((await phone.finish(body.sid, textOf(challenge.json["token"]), reply)).status).toBe(204);
  });

  test("I11: reports outlive a restart, and another subscriber is not touched", async () => {
    const scene = await open();
    const other = await scene.fleet.addSubscriber({ operator: HOME });
    await scene.fleet.addRule(scene.card, { imsi: other.imsi }, "refuse");
    await reportSwap(scene);
    const rig = await scene.rig.reopen();
    bench = { ...scene, rig };
    const reported = await createExchange(rig, scene.card, scene.subscriber);
    expect((await reported.run()).reply.json["verdict"]).toBe("FAILURE");
    const free = await createExchange(rig, scene.card, other);
    expect((await free.run()).reply.json["verdict"]).toBe("SUCCESS");
  });
});
