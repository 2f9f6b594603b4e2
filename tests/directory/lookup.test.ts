/** The external directory over real HTTP: found, unknown, slow, gone, lying; cache and breaker. */
import { afterEach, expect, test } from "bun:test";
import type { Fault } from "#tests/emulators/udm/listen";
import type { DirectorySettings } from "#edge/directory/http-directory";
import { NUMBER, openScene, PROFILE, type Scene, SECRET } from "./scene.ts";

let scene: Scene | undefined;
async function open(settings: Partial<DirectorySettings> = {}): Promise<Scene> {
  scene = await openScene(settings);
  return scene;
}
afterEach(async () => {
  await scene?.stop();
  scene = undefined;
});

const unavailable = { ok: false, reason: "directory_unavailable" } as const;
const unknown = { ok: false, reason: "number_unknown" } as const;
const found = { ok: true, value: PROFILE } as const;

test("a known number has its profile, and the number is in no URL and no header", async () => {
  const { directory, requests, log } = await open();
  expect(await directory.find("default", NUMBER)).toEqual(found);
  const [request] = requests;
  expect(request?.path).toBe("/lookup");
  expect(JSON.stringify(request?.headers)).not.toContain(NUMBER);
  expect(request?.body).toBe(`{"tenant":"default","msisdn":"${NUMBER}"}`);
  expect(request?.headers["authorization"]).toBe(`Bearer ${SECRET}`);
  expect(log).toEqual([]);
});

test("an unknown number is unknown, to each tenant for itself, and is asked for each time", async () => {
  const { directory, requests, customers } = await open();
  expect(await directory.find("default", "8613800138001")).toEqual(unknown);
  expect(await directory.find("other", NUMBER)).toEqual(unknown);
  customers.set("8613800138001", PROFILE);
  expect(await directory.find("default", "8613800138001")).toEqual(found);
  expect(requests).toHaveLength(3);
});

test("an answer is used again until it is a minute old, never longer, whatever fails then", async () => {
  const { directory, requests, customers, advance, peer } = await open();
  expect(await directory.find("default", NUMBER)).toEqual(found);
  customers.delete(NUMBER);
  advance(59_999);
  expect(await directory.find("default", NUMBER)).toEqual(found);
  expect(await directory.find("other", NUMBER)).toEqual(unknown);
  expect(requests).toHaveLength(2);
  advance(1);
  peer.plan({ kind: "silence" });
  expect(await directory.find("default", NUMBER)).toEqual(unavailable);
  expect(await directory.find("default", NUMBER)).toEqual(unknown);
});

test("without a cache every lookup asks", async () => {
  const { directory, requests, customers } = await open({ cacheMs: 0 });
  expect(await directory.find("default", NUMBER)).toEqual(found);
  customers.delete(NUMBER);
  expect(await directory.find("default", NUMBER)).toEqual(unknown);
  expect(requests).toHaveLength(2);
});

const ok = (body: unknown): Fault => ({
  kind: "reply",
  status: 200,
  body: typeof body === "string" ? body : JSON.stringify(body),
});
const good = { msisdn: NUMBER, profile: PROFILE };
const lie = (change: object): Fault => ok({ ...good, profile: { ...PROFILE, ...change } });

const LIES: readonly (readonly [string, Fault, string])[] = [
  ["silence", { kind: "silence" }, "timed_out"],
  ["an answer too late", { kind: "wait", milliseconds: 900 }, "timed_out"],
  ["a stalled body", { kind: "stall" }, "timed_out"],
  ["a broken connection", { kind: "reset" }, "unreachable"],
  ["a body without end", { kind: "flood" }, "answer_too_large"],
  [
    "a redirect",
    { kind: "reply", status: 302, headers: { location: "http://127.0.0.1:1/" }, body: "" },
    "redirected",
  ],
  ["another number", ok({ ...good, msisdn: "8613800138001" }), "answer_invalid"],
  ["no number", ok({ profile: PROFILE }), "answer_invalid"],
  ["no JSON", ok("{"), "answer_invalid"],
  ["null", ok("null"), "answer_invalid"],
  ["a list", ok([good]), "answer_invalid"],
  ["no groups", lie({ userGroups: undefined }), "answer_invalid"],
  ["a group under a wrong name", lie({ userGroup: "blocked" }), "answer_invalid"],
  ["groups as text", lie({ userGroups: "drivers" }), "answer_invalid"],
  ["33 groups", lie({ userGroups: Array.from({ length: 33 }, String) }), "answer_invalid"],
  ["a level with a line break", lie({ level: "gold\n" }), "answer_invalid"],
  ["a level that is null", lie({ level: null }), "answer_invalid"],
  ["a subset of three digits", lie({ networkSubset: "123" }), "answer_invalid"],
  ["a group identifier in lower case", lie({ corporate: "ffee" }), "answer_invalid"],
  ["a bare 404", { kind: "reply", status: 404, body: "" }, "answer_invalid"],
  ["number_unknown with 200", ok({ error: "number_unknown" }), "answer_invalid"],
  [
    "a profile with 201",
    { kind: "reply", status: 201, body: JSON.stringify(good) },
    "answer_invalid",
  ],
  ["500 with a profile", { kind: "reply", status: 500 }, "answer_invalid"],
  ["401", { kind: "reply", status: 401 }, "answer_invalid"],
];

test.each(LIES)("%s: unavailable, logged by reason, not kept", async (_name, fault, reason) => {
  const { directory, peer, log } = await open();
  peer.plan(fault);
  expect(await directory.find("default", NUMBER)).toEqual(unavailable);
  expect(log).toEqual([`{"event":"directory_failed","reason":"${reason}"}`]);
  expect(await directory.find("default", NUMBER)).toEqual(found);
});

test("a directory that is gone is not asked again before its rest is over, then once", async () => {
  const { directory, peer, requests, log, advance } = await open({ cacheMs: 0 });
  const silence = { kind: "silence" } as const;
  peer.plan(silence, silence, silence, silence);
  const accepted = (): number => peer.connections();
  for (let i = 0; i < 3; i++) expect(await directory.find("default", NUMBER)).toEqual(unavailable);
  const before = accepted();
  for (let i = 0; i < 100; i++)
    expect(await directory.find("default", NUMBER)).toEqual(unavailable);
  expect(accepted()).toBe(before);
  advance(10_000);
  const [trial, other] = [directory.find("default", NUMBER), directory.find("default", NUMBER)];
  expect(await other).toEqual(unavailable);
  expect(await trial).toEqual(unavailable);
  advance(10_000);
  expect(await directory.find("default", NUMBER)).toEqual(found);
  expect(requests).toHaveLength(1);
  expect(log.filter((line) => line.includes("directory_breaker"))).toEqual([
    '{"event":"directory_breaker","from":"closed","to":"open"}',
    '{"event":"directory_breaker","from":"half_open","to":"open"}',
    '{"event":"directory_breaker","from":"half_open","to":"closed"}',
  ]);
});

test("unknown numbers are answers: they never open the breaker", async () => {
  const { directory } = await open();
  for (let i = 0; i < 10; i++) expect(await directory.find("default", "86138001")).toEqual(unknown);
  expect(await directory.find("default", NUMBER)).toEqual(found);
});

test("what is kept is bounded: ten thousand numbers, the oldest goes first", async () => {
  const { customers, directoryWith } = await open({ timeoutMs: 1400 });
  const numbers = Array.from({ length: 10_001 }, (_, i) => `86${1_000_000 + i}`);
  let asked = 0;
  const directory = directoryWith({});
  for (const number of numbers) customers.set(number, PROFILE);
  for (let i = 0; i < numbers.length; i += 50)
    await Promise.all(
      numbers.slice(i, i + 50).map(async (number) => {
        if ((await directory.find("default", number)).ok) asked += 1;
      }),
    );
  expect(asked).toBe(10_001);
  customers.clear();
  expect(await directory.find("default", numbers[0] ?? "")).toEqual(unknown);
  expect(await directory.find("default", numbers[1] ?? "")).toEqual(found);
});
