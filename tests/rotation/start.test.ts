/** A wrapping key that is missing, or another one: found at the start and named, on both hosts. */
import { afterEach, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { checkEnvironment } from "#edge/bindings";
import { ConfigurationError } from "#edge/environment";
import { claimWrappingKeys } from "#edge/wrapping-key-claim";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { random } from "#tests/platform/rig";
import { type Key, makeKey, openStage, type Stage } from "./stage.ts";

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.dispose();
  stage = undefined;
}, 60_000);

const HOSTS = [
  ["bun", false],
  ["workerd", true],
] as const;

const masterKey = random(32);
const GOOD = {
  SIMLATCH_MASTER_KEY: encodeBase64Url(masterKey),
  SIMLATCH_DEPLOYMENT: encodeHex(random(16)),
};

function refusalOf(list: string): string {
  try {
    checkEnvironment({ ...GOOD, SIMLATCH_WRAPPING_KEYS: list });
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
  return "";
}

const idsOf = (list?: string): number[] =>
  checkEnvironment({ ...GOOD, SIMLATCH_WRAPPING_KEYS: list }).wrappingKeys.map(({ id }) => id);

test("the first of the list wraps; without a list there is key 0, made from the master key", () => {
  expect(idsOf()).toEqual([0]);
  expect(idsOf("0")).toEqual([0]);
  expect(idsOf(`${makeKey(65_535).entry}, ${makeKey(7).entry},0`)).toEqual([65_535, 7, 0]);
});

const one = makeKey(1);
test.each([
  ["nothing", ","],
  ["no id", encodeBase64Url(random(32))],
  ["id 0 with bytes", `0:${encodeBase64Url(random(32))}`],
  ["an id above two bytes", `65536:${encodeBase64Url(random(32))}`],
  ["31 bytes", `1:${encodeBase64Url(random(31))}`],
  ["a regular key", `1:${encodeBase64Url(new Uint8Array(32).fill(5))}`],
  ["an id twice", `${one.entry},${makeKey(1).entry}`],
  ["a key twice", `${one.entry},2:${encodeBase64Url(one.key)}`],
  ["the master key as another", `1:${encodeBase64Url(masterKey)}`],
  ["17 keys", Array.from({ length: 17 }, (_, i) => makeKey(i + 1).entry).join(",")],
])("a list with %s is refused", (_what, list) => {
  const message = refusalOf(list);
  expect(message).toContain("SIMLATCH_WRAPPING_KEYS");
  expect(message).toEndWith(".");
  for (const entry of list.split(",").filter((each) => each.length > 20))
    expect(message).not.toContain(entry.slice(entry.indexOf(":") + 1));
});

async function failureOf(at: Stage, keys: readonly Key[]): Promise<unknown> {
  try {
    await at.start(keys);
    return undefined;
  } catch (error) {
    return error;
  }
}

test("bun: a start without a key that rows need ends with its id, before anything is served", async () => {
  stage = openStage(false);
  const key1 = makeKey(1);
  await stage.start([stage.key0]);
  await stage.stop();
  const absent = await failureOf(stage, [key1]);
  expect(absent).toBeInstanceOf(ConfigurationError);
  expect(String(absent)).toContain("Wrapping key 0 is not in SIMLATCH_WRAPPING_KEYS");
  await stage.start([key1, stage.key0]);
  await stage.stop();
  const changed = await failureOf(stage, [stage.key0, makeKey(1)]);
  expect(changed).toBeInstanceOf(ConfigurationError);
  expect(String(changed)).toContain("Wrapping key 1 in SIMLATCH_WRAPPING_KEYS is not the key");
  await stage.start([key1, stage.key0]);
});

test("workerd: without such a key every request is refused and the log names it; then it goes on", async () => {
  stage = openStage(true);
  const key1 = makeKey(1);
  await stage.start([stage.key0]);
  await stage.fleet();
  for (const [keys, reason, id] of [
    [[key1], "wrapping_key_absent", 0],
    [[key1, stage.key0], "", 1],
    [[makeKey(1), stage.key0], "wrapping_key_changed", 1],
  ] as const) {
    await stage.stop();
    await stage.start(keys);
    for (const path of ["/v1/bindings", "/v1/admin/rewrap", "/v1/admin/rewrap"]) {
      const init = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
      const answer = await stage.fetch(path, init);
      if (reason === "") expect([400, 401]).toContain(answer.status);
      else expect(answer.status).toBe(503);
      if (reason !== "") expect(JSON.parse(await answer.text()).code).toBe("unavailable");
    }
    const named = stage.log.filter((line) => line.includes(`"event":"${reason}","key":${id}`));
    expect(named).toHaveLength(reason === "" ? 0 : 3);
    expect((await stage.fetch("/healthz", { method: "GET" })).status).toBe(200);
  }
}, 60_000);

/** As when the rows come from another time than the list of keys: nothing says that they need 0. */
function forgetRecords(folder: string): void {
  for (const file of new Bun.Glob("**/*.{db,sqlite}").scanSync({ cwd: folder })) {
    const database = new Database(join(folder, file));
    const has = database.query("SELECT 1 FROM sqlite_master WHERE name = 'wrapping_key'").all();
    if (has.length > 0) database.run("DELETE FROM wrapping_key");
    database.close();
  }
}

test.each(HOSTS)(
  "%s: a row whose key is missing fails alone, with the key's id in the log",
  async (_host, edge) => {
    stage = openStage(edge);
    await stage.start([stage.key0]);
    const fleet = await stage.fleet();
    const card = await fleet.addCard();
    const subscriber = await fleet.addSubscriber({ operator: "46001" });
    await fleet.addRule(card, { operator: "46001" }, "lock");
    await stage.stop();
    forgetRecords(stage.folder);
    await stage.start([makeKey(1)]);
    const phone = await fleet.assemblePhone(card, subscriber);
    const bound = await phone.bind({ deadlineMs: 2000 }).catch((error: unknown) => String(error));
    expect(bound).not.toHaveProperty("outcome");
    // K is needed where the subscriber's slot is: on workerd in another object.
    expect(stage.log.join("\n")).toContain('"event":"wrapping_key_absent","key":0');
    expect(stage.log.join("\n")).not.toContain('"event":"defect"');
  },
  60_000,
);

test("two processes with one id and two keys: the second learns that it is the second", async () => {
  const recorded: { id: number; checkValue: Uint8Array }[] = [];
  const first = { id: 5, checkValue: random(16) };
  const second = { id: 5, checkValue: random(16) };
  const wrappingKeys = {
    list: async () => recorded.slice(),
    record: async (key: typeof first) => {
      // The other one is a moment earlier.
      if (recorded.length === 0) recorded.push(key === second ? first : key);
    },
    retire: async () => undefined,
  };
  const vault = { wrappingKeys: [second], newestKeyId: 5 };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what claimWrappingKeys looks at
  const tools = { repositories: { wrappingKeys }, vault } as unknown as Parameters<
    typeof claimWrappingKeys
  >[0];
  expect(await claimWrappingKeys(tools)).toEqual({ reason: "wrapping_key_changed", id: 5 });
});
