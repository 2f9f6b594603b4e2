/** I8, I11: report and unlock hold in every suite and mode; the unlock itself is never sealed. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SUITES } from "#protocol/suites";
import { type Bench, createBench, HOME } from "./bench.ts";
import { TWO } from "./order-scene.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await createBench();
});
afterAll(() => bench.rig.dispose());

const CELLS = SUITES.flatMap(({ name, modes }) => modes.map((mode) => [name, mode] as const));

describe.each([...CELLS])("%s %s", (suite, mode) => {
  test("I8: a stolen card locks, is unlocked under a grant, and binds again", async () => {
    const { fleet } = bench;
    const card = await fleet.addCard({ suite, modes: [mode] });
    const subscriber = await fleet.addSubscriber({ operator: HOME });
    await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
    const bind = async () => {
      const phone = await fleet.assemblePhone(card, subscriber);
      const { outcome } = await phone.bind();
      return { outcome, state: (await phone.card().readStatus()).state.name };
    };
    expect(await bind()).toMatchObject({ outcome: { verdict: "SUCCESS" }, state: "serving" });
    const report = { order: "report", reason: "stolen", by: ["Ada"] } as const;
    await fleet.admin.orderCard(card.cardId, report);
    expect(await bind()).toMatchObject({ outcome: { verdict: "FAILURE" }, state: "locked" });
    expect(await bind()).toMatchObject({ outcome: { verdict: "FAILURE" }, state: "locked" });
    await fleet.admin.orderCard(card.cardId, { order: "unlock", by: TWO });
    expect(await bind()).toMatchObject({
      outcome: { verdict: "UNLOCKED", receipt: "delivered" },
      state: "idle",
    });
    expect(await bind()).toMatchObject({ outcome: { verdict: "SUCCESS" }, state: "serving" });
  });
});
