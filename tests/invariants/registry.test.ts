/** What the registry says of a card, and what its writer remembers, must be what proves itself. */
import { Database } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import type { Dependencies, RegisteredCard } from "#edge/dependencies";
import type { Answer, Rig } from "#tests/platform/rig";
import { type Bench, createBench, dumpState, untilIndexed } from "./bench.ts";

let bench: Bench | undefined;
afterEach(async () => {
  await bench?.rig.dispose();
  bench = undefined;
});

/** What the log says of the last binding request that was refused. */
function lastRefusal(rig: Rig): unknown {
  const events: Record<string, unknown>[] = rig.log.map((line) => JSON.parse(line));
  return events.findLast(({ event }) => event === "binding_refused")?.["reason"];
}

/** Step 2 of a fresh session, whatever comes. */
async function prove({ exchange }: Bench): Promise<Answer> {
  const attempt = await exchange();
  return attempt.prove(await attempt.start());
}

test("I7: a card of another kind than the registry has it is not authenticated", async () => {
  let registered: Partial<RegisteredCard> = {};
  const wrap = (made: Dependencies): Dependencies => {
    const { repositories } = made;
    const find: typeof repositories.cards.find = async (...args) => {
      const card = await repositories.cards.find(...args);
      return card && { ...card, ...registered };
    };
    return { ...made, repositories: { ...repositories, cards: { ...repositories.cards, find } } };
  };
  bench = await createBench({ wrap });
  const { rig } = bench;
  const before = dumpState(rig);
  registered = { kind: "SD" };
  expect((await prove(bench)).json["code"]).toBe("card_not_authenticated");
  expect(lastRefusal(rig)).toBe("kind_mismatch");
  expect(dumpState(rig)).toBe(before);
  registered = {};
  expect((await prove(bench)).status).toBe(200);
});

test("I7: a card whose writer knows it under another key is not authenticated", async () => {
  bench = await createBench();
  const { rig, card, exchange } = bench;
  expect((await (await exchange()).run()).reply.json["verdict"]).toBe("SUCCESS");
  const pin = (change: string): void => {
    const database = new Database(join(rig.folder, "state.db"));
    database.run(`UPDATE card SET pinned_key = ${change} WHERE object = ?`, [
      `default:${card.cardId}`,
    ]);
    database.close();
  };
  const state = new Database(join(rig.folder, "state.db"), { readonly: true });
  const row: unknown = state.query("SELECT hex(pinned_key) AS pinned FROM card").get();
  state.close();
  const { pinned } = { pinned: "", ...Object(row) };
  await untilIndexed(rig);
  pin("zeroblob(65)");
  const attempt = await exchange();
  const body = await attempt.start();
  const before = dumpState(rig);
  expect((await attempt.prove(body)).json["code"]).toBe("card_not_authenticated");
  expect(lastRefusal(rig)).toBe("key_changed");
  expect(dumpState(rig)).toBe(before);
  pin(`x'${String(pinned)}'`);
  expect((await attempt.prove(body)).status).toBe(200);
});

test("I14: what is held against a card is in the log by its reason, and the client learns none", async () => {
  bench = await createBench();
  const { rig, fleet, card } = bench;
  await fleet.admin.setCardStatus(card.cardId, { status: "revoked" });
  expect((await prove(bench)).json["code"]).toBe("card_not_authenticated");
  expect(lastRefusal(rig)).toBe("card_revoked");
  await fleet.admin.setCardStatus(card.cardId, { status: "active" });
  rig.advance(40 * 365 * 86_400_000);
  expect((await prove(bench)).json["code"]).toBe("card_not_authenticated");
  expect(lastRefusal(rig)).toBe("certificate_out_of_date");
});
