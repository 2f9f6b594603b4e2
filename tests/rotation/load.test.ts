/**
 * The wrapping key is replaced while phones bind: nothing is refused, and afterwards the old key
 * opens nothing.
 */
import { afterEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { printNote } from "#cli/output";
import type { Fleet, FleetCard, FleetSubscriber } from "#tests/fleet/fleet";
import { countWriters, openedBy, readSecrets, WRAPPED_PLACES } from "./rows.ts";
import { type Load, makeKey, openStage, type Stage, startLoad } from "./stage.ts";

let stage: Stage | undefined;
let load: Load | undefined;
afterEach(async () => {
  await load?.stop();
  await stage?.dispose();
  load = undefined;
  stage = undefined;
}, 60_000);

/** More than the job takes in one step. */
const IDLE_SUBSCRIBERS = 200;

type Pair = readonly [FleetCard, FleetSubscriber];

/** One pair of each kind that keeps a secret of its own. */
async function assemblePairs(fleet: Fleet): Promise<Pair[]> {
  const kinds = [
    [{}, "USIM/Milenage"],
    [{ suite: "AES", modes: ["encrypted"] }, "USIM/TUAK"],
    [{ modes: ["encrypted"] }, "UIM"],
    [{ suite: "SM" }, "SIM"],
  ] as const;
  const pairs: Pair[] = [];
  for (const [options, kind] of kinds) {
    const card = await fleet.addCard(options);
    const subscriber = await fleet.addSubscriber({ operator: "46001", kind });
    await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
    pairs.push([card, subscriber]);
  }
  return pairs;
}

async function untilMore(running: Load, more: number): Promise<void> {
  const goal = running.count() + more;
  while (running.count() < goal && running.failures.length === 0) await Bun.sleep(20);
}

/** A session that ends nowhere: of its challenges the last one is never answered. */
async function abandonSession(
  fleet: Fleet,
  [card, subscriber]: Pair,
  challenges: number,
): Promise<void> {
  let answers = 0;
  const phone = await fleet.assemblePhone(card, subscriber, {
    http: async (request, next) => {
      if (request.url.endsWith("/answer")) answers += 1;
      if (answers >= challenges) throw new Error("the phone is switched off");
      return next(request);
    },
  });
  const outcome = await phone.bind({ deadlineMs: 3000 }).catch(() => "abandoned");
  expect(outcome).toBe("abandoned");
}

const isLasting = ({ place }: { readonly place: string }): boolean =>
  !["card_session", "slot_challenge", "audit_event"].includes(place.split(".")[0] ?? "");
const nameOf = ({ place, name }: { readonly place: string; readonly name: string }): string =>
  `${place} ${name}`;

const placesOf = (secrets: readonly { readonly place: string }[]): string[] =>
  [...new Set(secrets.map(({ place }) => place))].toSorted();

/** Vectors of an external centre are for job.test.ts: no centre is near here. */
const PLACES = WRAPPED_PLACES.filter((place) => place !== "slot_vector.wrapped_vector").toSorted();

test.each([
  ["bun", false],
  ["workerd", true],
] as const)(
  "%s: under load nothing is refused, and afterwards nothing opens with the old key",
  async (host, edge) => {
    stage = openStage(edge);
    const { key0, folder } = stage;
    const key1 = makeKey(1);
    await stage.start([key0]);
    const fleet = await stage.fleet();
    const pairs = await assemblePairs(fleet);
    const uim = await fleet.addSubscriber({ operator: "46001", kind: "UIM" });
    for (const subscriber of [uim, ...pairs.map(([, each]) => each)])
      if (subscriber.kind === "UIM") await fleet.admin.orderSsdUpdate(subscriber.imsi, {});
    for (let i = 0; i < IDLE_SUBSCRIBERS; i++) await fleet.addSubscriber({ operator: "46001" });
    const usim = await fleet.addSubscriber({ operator: "46001" });
    await abandonSession(fleet, [await fleet.addCard(), usim], 1);
    // After RANDBS: nobody knows yet which SSD the module has.
    await abandonSession(fleet, [await fleet.addCard(), uim], 2);
    load = await startLoad(fleet, pairs);
    await untilMore(load, 40);
    await stage.stop();
    const before = readSecrets(folder);
    const writers = countWriters(folder);
    expect(openedBy(before, key0)).toEqual(before);
    expect(openedBy(before, key1)).toEqual([]);

    // Everybody knows the new key; then everybody uses it.
    await stage.start([key0, key1]);
    await untilMore(load, 20);
    await stage.stop();
    await stage.start([key1, key0]);
    await untilMore(load, 20);
    const during = load.count();
    const job = await stage.rewrap("--json");
    const bound = load.count() - during;
    expect(job.stderr).toBe("");
    expect(JSON.parse(job.stdout)).toMatchObject({ done: true, remaining: 0, retired: [0] });
    const check = await stage.rewrap("--check", "--json");
    expect(check.code).toBe(0);
    expect(JSON.parse(check.stdout)).toMatchObject({ done: true, byKey: {}, needed: [1] });
    await untilMore(load, 20);
    await stage.stop();
    await stage.start([key1]);
    await untilMore(load, 40);
    await load.stop();
    await stage.stop();

    expect(load.failures).toEqual([]);
    expect(stage.refusals).toEqual([]);
    const after = readSecrets(folder);
    expect(openedBy(after, key0)).toEqual([]);
    expect(openedBy(after, key1)).toEqual(after);
    const lasting = (secrets: typeof after) => secrets.filter(isLasting).map(nameOf).toSorted();
    expect(lasting(after)).toEqual(lasting(before));
    expect(placesOf(before)).toEqual(PLACES);
    expect(placesOf(after)).toEqual(PLACES);
    printNote(
      `${host}: ${load.count()} bindings, ${bound} of them while the job ran, none refused; ` +
        `${JSON.parse(job.stdout).rewrapped} secrets re-wrapped`,
    );
    if (edge) {
      // The job asks all writers that there could be, and makes none that was not there.
      expect(countWriters(folder)).toBe(writers);
      expect(writers).toBe(2 * (pairs.length + 2));
      return;
    }
    const files = ["catalog.db", "state.db"].map((name) => readFileSync(join(folder, name)));
    // Neither do pages that SQLite has given up hold what the old key opens.
    const left = before.filter(({ wrapped }) => files.some((file) => file.includes(wrapped)));
    expect(left).toEqual([]);
  },
  180_000,
);
