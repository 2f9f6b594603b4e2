/**
 * Cards from a list: emulated cards are personalised and prove their keys, their rows go through
 * `simlatch import cards`, and they bind. I15: nothing in a list takes the place of the proof.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { encodeCsvRecord } from "#protocol/csv";
import { decodeBase64Url, encodeBase64Url } from "#protocol/bytes";
import type { BatchAnswer } from "#protocol/import";
import type { SuiteName } from "#protocol/suites";
import { makeEnrolment, openTenant, tenantSettings } from "#tests/admin/platform";
import { expectRefusal } from "#tests/admin/refusal";
import { createFleet, type Fleet, type FleetCard } from "#tests/fleet/fleet";
import { createExchange } from "#tests/platform/exchange";
import { ADMIN_KEY, random } from "./keys.ts";
import { openScene, type Scene, summaryOf } from "./scene.ts";

let scene: Scene;
let fleet: Fleet;
/** What personalisation hands over in place of enrolling each card. */
const enrolments: Record<string, unknown>[] = [];

beforeAll(async () => {
  scene = await openScene();
  fleet = await createFleet({
    platformUrl: scene.url,
    adminKey: ADMIN_KEY,
    deployment: scene.deployment,
    async fetch(url, init) {
      if (!url.endsWith("/v1/admin/cards")) return fetch(url, init);
      enrolments.push(JSON.parse(await new Response(init.body ?? null).text()));
      return Response.json({}, { status: 201 });
    },
    now: () => Date.now(),
    random,
  });
}, 60_000);
afterAll(() => scene.stop());

const COLUMNS = [
  "card_id",
  "kind",
  "suite",
  "modes",
  "certificates",
  "key",
  "key_version",
  "service_public_key",
  "challenge",
  "token",
  "proof",
];
const MEMBERS = COLUMNS.map((name) =>
  name.replaceAll(/_[a-z]/g, (part) => part.slice(1).toUpperCase()),
);

const textOf = (value: unknown): string =>
  typeof value === "number" ? String(value) : typeof value === "string" ? value : "";

function csvOf(rows: readonly Readonly<Record<string, unknown>>[]): string {
  const records = rows.map((row) =>
    MEMBERS.map((member) => {
      const value = row[member] ?? "";
      return Array.isArray(value) ? value.join(" ") : textOf(value);
    }),
  );
  return [COLUMNS, ...records].map((cells) => encodeCsvRecord(cells)).join("");
}

async function make(suite: SuiteName): Promise<readonly [FleetCard, Record<string, unknown>]> {
  const card = await fleet.addCard({ suite });
  const enrolment = enrolments.at(-1);
  if (enrolment === undefined) throw new Error("nothing was handed over");
  return [card, enrolment];
}

async function importCards(
  rows: readonly Readonly<Record<string, unknown>>[],
  args: readonly string[] = [],
) {
  const path = scene.file("cards.csv", csvOf(rows));
  return scene.run(["import", "cards", path, "--url", scene.url, ...args]);
}
const view = (cardId: string): Promise<unknown> => scene.call("GET", `/cards/${cardId}`);

test("cards of every suite: dry run, import, again; then one of them binds", async () => {
  const suites: readonly SuiteName[] = ["P-256", "SM", "RSA-2048", "AES", "SM4"];
  const made = [];
  for (const suite of suites) made.push(await make(suite));
  const rows = made.map(([, row]) => row);
  const dry = await importCards(rows, ["--dry-run", "--json"]);
  expect(summaryOf(dry)).toMatchObject({ inserted: 5, failed: 0, dryRun: true });
  for (const [{ cardId }] of made) expect(await view(cardId)).toMatchObject({ code: "not_found" });
  const first = await importCards(rows, ["--json"]);
  expect(first).toMatchObject({ code: 0, stderr: "" });
  expect(summaryOf(first)).toMatchObject({ inserted: 5 });
  expect(summaryOf(await importCards(rows, ["--json"]))).toMatchObject({ unchanged: 5, failed: 0 });

  const [card] = made[0] ?? [];
  if (card === undefined) throw new Error("no card");
  const subscriber = await fleet.addSubscriber({ operator: "46001" });
  await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
  const post = async (path: string, body: unknown) => {
    const response = await fetch(`${scene.url}/v1/bindings${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, text, json: text === "" ? {} : JSON.parse(text) };
  };
  const phone = await createExchange({ post }, card, subscriber);
  const { reply } = await phone.run();
  expect(reply.json["verdict"]).toBe("SUCCESS");

  const exported = await scene.run(["export", "cards", "--url", scene.url]);
  expect(exported.code).toBe(0);
  for (const [{ cardId }, row] of made) {
    expect(exported.stdout).toContain(cardId);
    if (row["key"] !== undefined) expect(exported.stdout).not.toContain(textOf(row["key"]));
  }
});

const flip = (text: unknown): string => {
  const bytes = decodeBase64Url(textOf(text)) ?? new Uint8Array(1);
  return encodeBase64Url(bytes.with(9, (bytes[9] ?? 0) ^ 1));
};

test("I15: a card without its proof is not taken, and is listed", async () => {
  const [, good] = await make("P-256");
  const [, shared] = await make("AES");
  const other = await fleet.admin.requestEnrolment({ cardId: String(good["cardId"]) });
  const wrong = [
    { ...good, proof: flip(good["proof"]) },
    { ...good, cardId: "00000000000000A1" },
    { ...good, cardId: "00000000000000A2", ...other },
    { ...shared, key: "00".repeat(16) },
    { ...shared, cardId: "00000000000000A3", proof: undefined },
  ];
  const outcome = await importCards(wrong, ["--json"]);
  expect(outcome.code).toBe(1);
  const faults = outcome.stdout.trimEnd().split("\n").slice(0, -1);
  expect(faults.map((line) => JSON.parse(line))).toEqual([
    { line: 2, column: "proof", reason: "possession_unproven" },
    { line: 3, column: "token", reason: "token_invalid" },
    { line: 4, column: "token", reason: "token_invalid" },
    { line: 5, column: "proof", reason: "possession_unproven" },
    { line: 6, column: "proof", reason: "missing" },
  ]);
  for (const id of [good["cardId"], shared["cardId"]]) {
    expect(await view(String(id))).toMatchObject({ code: "not_found" });
  }
});

test("a registered card is never changed by a list", async () => {
  const [, one] = await make("P-256");
  const [, other] = await make("P-256");
  expect((await importCards([one])).code).toBe(0);
  const changed = {
    ...one,
    kind: "SD",
    certificates: other["certificates"],
    servicePublicKey: other["servicePublicKey"],
  };
  const outcome = await importCards([changed]);
  expect(outcome.code).toBe(1);
  expect(outcome.stderr).toContain(
    "line 2, kind: differs from what is there, and no import changes it",
  );
  expect(outcome.stderr).toContain("line 2, certificates: differs");
  expect(outcome.stderr).toContain("line 2, service_public_key: differs");
  expect(await view(String(one["cardId"]))).toMatchObject({
    kind: "TF",
    servicePublicKey: String(one["servicePublicKey"]),
  });
});

test("challenges for a list of cards; ids that are none are listed", async () => {
  const ids = Array.from({ length: 20 }, (_, i) => `00000000000000${String(i + 10)}`);
  const path = scene.file("ids.csv", `card_id\n${ids.join("\n")}\nnone\n`);
  const outcome = await scene.run(["export", "challenges", path, "--url", scene.url]);
  expect(outcome.code).toBe(1);
  expect(outcome.stderr).toBe("line 22, card_id: is malformed\n");
  const lines = outcome.stdout.trimEnd().split("\r\n");
  expect(lines[0]).toBe("card_id,challenge,token");
  expect(lines.slice(1).map((line) => line.split(",")[0])).toEqual(ids);
  expect(new Set(lines.map((line) => line.split(",")[1])).size).toBe(21);
});

async function sendRow(change: (row: object) => unknown) {
  const platform = await openTenant();
  try {
    const { tenant: _tenant, ...row } = await makeEnrolment(platform);
    const answer = await platform.call("POST", "/cards/batch", { rows: [change(row)] });
    const { outcomes }: BatchAnswer = JSON.parse(answer.text);
    return outcomes;
  } finally {
    platform.close();
  }
}

function withoutIssuer(row: object): object {
  if (!("certificates" in row) || !Array.isArray(row.certificates)) return row;
  return { ...row, certificates: row.certificates.slice(0, 1) };
}

test.each([
  ["not_a_row", "", () => 5],
  ["not_a_row", "", (row: object) => ({ ...row, tenant: "default" })],
  ["unknown_member", "", (row: object) => ({ ...row, MaRk3r: 1 })],
  ["missing", "token", (row: object) => ({ ...row, token: undefined })],
  ["malformed", "cardId", (row: object) => ({ ...row, cardId: "x" })],
  ["malformed", "certificates", (row: object) => ({ ...row, certificates: "x" })],
  ["missing", "mtm.endorsementKey", (row: object) => ({ ...row, kind: "MTM" })],
  ["missing", "key", (row: object) => ({ ...row, suite: "AES" })],
  [
    "malformed",
    "key",
    (row: object) => ({ ...row, certificates: undefined, key: "00", keyVersion: 1 }),
  ],
  ["wrong_length", "proof", (row: object) => ({ ...row, suite: "RSA-2048" })],
  ["malformed", "servicePublicKey", (row: object) => ({ ...row, suite: "SM" })],
  ["malformed", "modes", (row: object) => ({ ...row, modes: [] })],
  ["chain_invalid", "certificates", withoutIssuer],
])("%s, %s", async (reason, column, change) => {
  const outcomes: unknown = await sendRow(change);
  expect(outcomes).toEqual([{ outcome: "refused", column, reason }]);
});

test("batches of cards of another shape are refused whole", async () => {
  const platform = await openTenant();
  const wrong = [
    {},
    { rows: [] },
    { rows: Array.from({ length: 51 }, () => ({})) },
    { rows: [{}], update: true },
    { rows: [{}], dryRun: "no" },
  ];
  for (const body of wrong) {
    await expectRefusal(platform, "malformed", () => platform.call("POST", "/cards/batch", body));
  }
  await expectRefusal(platform, "too_large", () =>
    platform.call("POST", "/cards/batch", { rows: ["x".repeat(1024 * 1024)] }),
  );
  await expectRefusal(platform, "not_found", () =>
    platform.call("POST", "/cards/batch", { rows: [{}], tenant: "nobody" }),
  );
  platform.close();
});

test("taken: a key that another card has", async () => {
  const platform = await openTenant();
  const { tenant: _tenant, ...row } = await makeEnrolment(platform);
  expect((await platform.call("POST", "/cards/batch", { rows: [row] })).json).toEqual({
    outcomes: [{ outcome: "inserted" }],
  });
  await platform.call("PUT", "/tenants/other", tenantSettings());
  const { tenant, ...again } = await makeEnrolment(platform, { tenant: "other" });
  const answer = await platform.call("POST", "/cards/batch", { tenant, rows: [again] });
  expect(answer.json).toEqual({
    outcomes: [{ outcome: "refused", column: "cardId", reason: "taken" }],
  });
  platform.close();
});
