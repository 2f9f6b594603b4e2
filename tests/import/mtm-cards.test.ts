/**
 * TPMs by lists: keys at the device, challenges from the platform, proofs at the device, import.
 * I15: nothing in a list takes the place of the chip's proof. On Bun and on workerd.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { createCsvDecoder, encodeCsvRecord } from "#protocol/csv";
import { createFleet, type Fleet } from "#tests/fleet/fleet";
import { ADMIN_KEY, random } from "./keys.ts";
import { type Finished, openScene, type Scene, summaryOf } from "./scene.ts";
import { createMtmCard } from "#terminal/mtm-card";
import { openTpm } from "#terminal/tpm-connection";
import { bindMtm, toBytes } from "#tests/mtm/mtm-phone";
import { hasSwtpm, type SoftwareTpm, startSwtpm } from "#tests/mtm/swtpm";

const ONE = "4D544D0000000021";
const TWO = "4D544D0000000022";
const COLUMNS = [
  "card_id",
  "kind",
  "suite",
  "endorsement_key",
  "attestation_key",
  "service_public_key",
  "challenge",
  "token",
  "proof",
] as const;
type Cells = Readonly<Record<string, string>>;

/** No cell of these lists is quoted. */
/** By the product's decoder: what begins with a hyphen has an apostrophe in front in the file. */
function readList(path: string): Cells[] {
  const decoder = createCsvDecoder();
  const items = [...decoder.push(readFileSync(path)), ...decoder.end()];
  const [names = [], ...lines] = items.map((item) => {
    if ("cells" in item) return item.cells;
    throw new Error(`line ${item.line}: ${item.reason}`);
  });
  return lines.map((cells) =>
    Object.fromEntries(names.map((name, index) => [name, cells[index] ?? ""])),
  );
}

const csvOf = (rows: readonly Cells[]): string =>
  [COLUMNS, ...rows.map((row) => COLUMNS.map((name) => row[name] ?? ""))]
    .map((cells) => encodeCsvRecord(cells))
    .join("");

const flip = (text = ""): string => {
  const bytes = toBytes(text);
  return encodeBase64Url(bytes.with(9, (bytes[9] ?? 0) ^ 1));
};

const without = (row: object, name: string): object =>
  Object.fromEntries(Object.entries(row).filter(([member]) => member !== name));

const faultsOf = ({ stdout }: Finished): unknown[] =>
  stdout
    .trimEnd()
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));

describe.skipIf(!hasSwtpm("lists of MTM cards")).each(["bun", "workerd"] as const)(
  "a list of TPMs on %s",
  (runtime) => {
    let scene: Scene;
    let fleet: Fleet;
    /** Two chips: each card is in one of them. */
    let chips: Readonly<Record<string, SoftwareTpm>>;
    const path = (name: string): string => join(scene.folder, name);

    beforeAll(async () => {
      scene = await openScene(runtime);
      fleet = await createFleet({
        platformUrl: scene.url,
        adminKey: ADMIN_KEY,
        deployment: scene.deployment,
        fetch: (url, init) => fetch(url, init),
        now: () => Date.now(),
        random,
      });
      chips = { [ONE]: await startSwtpm(), [TWO]: await startSwtpm() };
      for (const chip of Object.values(chips)) await chip.hangUp();
      await personalise();
    }, 60_000);
    afterAll(async () => {
      for (const chip of Object.values(chips)) await chip.stop();
      await scene.stop();
    });

    const at = (cardId: string, chip = cardId) => [
      "--tpm",
      `tcp:127.0.0.1:${chips[chip]?.port ?? 0}`,
      "--card-id",
      cardId,
    ];
    /** Beside the device there is neither a platform nor its key. */
    const atDevice = (args: readonly string[]): Promise<Finished> =>
      scene.run(["mtm", ...args, "--json"], "");
    const prove = (cardId: string, changes: { readonly chip?: string; challenges?: string } = {}) =>
      atDevice([
        "prove",
        ...at(cardId, changes.chip),
        "--challenges",
        path(changes.challenges ?? "challenges.csv"),
        "--list",
        path("cards.csv"),
        "--out",
        path(`${cardId}.json`),
        "--deployment",
        encodeHex(scene.deployment),
      ]);
    const challenge = (list = "keys.csv", trusted = "trusted.txt") =>
      scene.run(
        ["export", "mtm-challenges", path(list), "--trusted", path(trusted)].concat([
          "--url",
          scene.url,
        ]),
      );
    /** At each device: its keys, and after the platform was asked, its proof. */
    async function personalise(): Promise<void> {
      for (const cardId of [ONE, TWO]) {
        const keys = await atDevice(["keys", ...at(cardId), "--list", path("keys.csv")]);
        expect(keys).toMatchObject({ code: 0, stderr: "" });
      }
      const keys = readList(path("keys.csv"));
      expect(keys.map((row) => row["card_id"])).toEqual([ONE, TWO]);
      scene.file("trusted.txt", `${keys.map((row) => row["endorsement_key"]).join("\n")}\n`);
      const asked = await challenge();
      expect(asked).toMatchObject({ code: 0, stderr: "" });
      scene.file("challenges.csv", asked.stdout);
      for (const cardId of [ONE, TWO]) expect(await prove(cardId)).toMatchObject({ code: 0 });
    }

    async function importCards(rows: readonly Cells[], ...args: readonly string[]) {
      const file = scene.file("import.csv", csvOf(rows));
      return scene.run(["import", "cards", file, "--url", scene.url, "--json", ...args]);
    }
    const view = (cardId: string): Promise<unknown> => scene.call("GET", `/cards/${cardId}`);

    test("keys, challenges, proofs, import; the same again; and a card of the list binds", async () => {
      const rows = readList(path("cards.csv"));
      expect(rows).toHaveLength(2);
      expect(summaryOf(await importCards(rows, "--dry-run"))).toMatchObject({ inserted: 2 });
      expect(await view(ONE)).toMatchObject({ code: "not_found" });
      const first = await importCards(rows);
      expect(first).toMatchObject({ code: 0, stderr: "" });
      expect(summaryOf(first)).toMatchObject({ inserted: 2, failed: 0 });
      expect(summaryOf(await importCards(rows))).toMatchObject({ unchanged: 2, failed: 0 });
      expect(await view(ONE)).toMatchObject({ kind: "MTM", modes: ["signed"], state: "issued" });

      const profile: Cells = JSON.parse(readFileSync(path(`${ONE}.json`), "utf8"));
      const { deployment } = scene;
      const tpm = openTpm({ host: "127.0.0.1", port: chips[ONE]?.port ?? 0 });
      const card = createMtmCard({
        tpm,
        deployment,
        tenant: "default",
        cardId: ONE,
        policyKey: toBytes(profile["policyKey"] ?? ""),
        servicePolicy: toBytes(profile["servicePolicy"] ?? ""),
      });
      const subscriber = await fleet.addSubscriber({ operator: "46001" });
      await fleet.addRule({ cardId: ONE }, { imsi: subscriber.imsi }, "refuse");
      const platform = {
        url: scene.url,
        fetch: (url: string, init: RequestInit) => fetch(url, init),
        now: () => Date.now(),
        deployment,
      };
      const { outcome } = await bindMtm(platform, fleet, { cardId: ONE, card }, subscriber);
      expect(outcome).toMatchObject({ verdict: "SUCCESS", receipt: "delivered" });
      await tpm.close();
    }, 60_000);

    test(`${runtime}: I15: what is not this chip's, this card's or this challenge's is not taken`, async () => {
      const [third, fourth] = [`${ONE.slice(0, -2)}31`, `${ONE.slice(0, -2)}32`];
      for (const cardId of [third, fourth]) {
        await atDevice(["keys", ...at(cardId, ONE), "--list", path("more.csv")]);
      }
      scene.file("challenges.csv", (await challenge("more.csv")).stdout);
      const [, second] = readList(path("challenges.csv"));
      const before = readList(path("cards.csv")).length;
      // Another chip: at the device already, and with the key of the first one written in.
      const swapped = await prove(third, { chip: TWO });
      expect(swapped).toMatchObject({ code: 1, stdout: "" });
      expect(swapped.stderr).toContain("another endorsement key");
      expect((await prove(TWO)).stderr).toContain("none for this card");
      expect(readList(path("cards.csv"))).toHaveLength(before);
      expect(existsSync(path(`${third}.json`))).toBe(false);
      for (const cardId of [third, fourth]) {
        expect((await prove(cardId, { chip: ONE })).code).toBe(0);
      }
      const [one, two] = readList(path("cards.csv")).slice(before);
      if (one === undefined || two === undefined || second === undefined) throw new Error("none");
      const wrong = [
        { ...one, proof: flip(one["proof"]) },
        { ...one, card_id: `${ONE.slice(0, -2)}41`, challenge: two["challenge"] ?? "" },
        { ...one, card_id: `${ONE.slice(0, -2)}42`, token: second["token"] ?? "" },
        { ...two, challenge: flip(two["challenge"]) },
        { ...one, card_id: `${ONE.slice(0, -2)}43`, proof: "" },
      ];
      const outcome = await importCards(wrong);
      expect(outcome.code).toBe(1);
      expect(faultsOf(outcome)).toEqual([
        { line: 2, column: "proof", reason: "possession_unproven" },
        { line: 3, column: "token", reason: "token_invalid" },
        { line: 4, column: "token", reason: "token_invalid" },
        { line: 5, column: "token", reason: "token_invalid" },
        { line: 6, column: "proof", reason: "missing" },
      ]);
      // The token names both keys, and the proof is over the card's own service key.
      const mixed = [
        { ...one, endorsement_key: readList(path("keys.csv"))[1]?.["endorsement_key"] ?? "" },
        { ...two, service_public_key: one["service_public_key"] ?? "" },
      ];
      expect(faultsOf(await importCards(mixed))).toEqual([
        { line: 2, column: "token", reason: "token_invalid" },
        { line: 3, column: "proof", reason: "possession_unproven" },
      ]);
      for (const cardId of [third, fourth]) {
        expect(await view(cardId)).toMatchObject({ code: "not_found" });
      }
    }, 60_000);

    test(`${runtime}: not_trusted: a chip whose endorsement key nobody certifies gets no challenge`, async () => {
      const keys = readList(path("keys.csv"));
      scene.file("few.txt", `${keys[0]?.["endorsement_key"] ?? ""}\r\n`);
      const asked = await challenge("keys.csv", "few.txt");
      expect(asked.code).toBe(1);
      expect(asked.stderr).toBe(
        "line 3, endorsement_key: is not among the endorsement keys that are trusted\n",
      );
      scene.file("asked.csv", asked.stdout);
      expect(readList(path("asked.csv")).map((row) => row["card_id"])).toEqual([ONE]);
      const point = `BA${"A".repeat(85)}`;
      scene.file("bad.csv", `card_id,endorsement_key,attestation_key\n${ONE},${point},${point}\n`);
      scene.file("any.txt", point);
      expect((await challenge("bad.csv", "any.txt")).stderr).toBe(
        "line 2, attestation_key: is malformed\n",
      );
      for (const trusted of ["absent.txt", "keys.csv"]) {
        expect((await challenge("keys.csv", trusted)).code).toBe(2);
      }
      expect((await scene.run(["export", "mtm-challenges", path("keys.csv")])).code).toBe(2);
      expect((await scene.run(["export", "cards", "--trusted", path("few.txt")])).code).toBe(2);
    });

    test(`${runtime}: a registered TPM is never changed by a list, and what a row lacks has its place`, async () => {
      const [one, two] = readList(path("cards.csv"));
      if (one === undefined || two === undefined) throw new Error("none");
      expect((await importCards([one])).code).toBe(0);
      const changed = { ...one, attestation_key: two["attestation_key"] ?? "" };
      expect(faultsOf(await importCards([changed]))).toEqual([
        { line: 2, column: "attestation_key", reason: "differs_for_good" },
      ]);
      const mtm = {
        endorsementKey: one["endorsement_key"],
        attestationKey: one["attestation_key"],
      };
      const row = {
        cardId: `${ONE.slice(0, -2)}51`,
        kind: "MTM",
        suite: "P-256",
        servicePublicKey: one["service_public_key"],
        challenge: one["challenge"],
        token: one["token"],
        proof: one["proof"],
        mtm,
      };
      const refusals: readonly (readonly [reason: string, column: string, row: object])[] = [
        ["missing", "mtm.endorsementKey", without(row, "mtm")],
        ["missing", "mtm.attestationKey", { ...row, mtm: without(mtm, "attestationKey") }],
        ["malformed", "mtm.attestationKey", { ...row, mtm: { ...mtm, attestationKey: "x" } }],
        ["malformed", "mtm", { ...row, mtm: 5 }],
        ["unknown_member", "", { ...row, mtm: { ...mtm, other: 1 } }],
        ["out_of_range", "kind", { ...row, kind: "TF" }],
        ["out_of_range", "suite", { ...row, suite: "AES" }],
        ["out_of_range", "modes", { ...row, modes: ["encrypted"] }],
        ["token_invalid", "token", row],
      ];
      const rows = refusals.map(([, , refused]) => refused);
      const answer = await scene.call("POST", "/cards/batch", { rows });
      const outcomes = refusals.map(([reason, column]) => ({ outcome: "refused", column, reason }));
      expect(answer).toEqual({ outcomes });
    });

    test("prove and the lists: what the command line or a file lacks", async () => {
      const bare = ["prove", ...at(ONE)];
      const files = ["--list", path("cards.csv"), "--out", path("x.json")];
      expect((await atDevice(bare)).code).toBe(2);
      const gone = ["--challenges", path("absent.csv"), ...files];
      expect((await atDevice([...bare, ...gone, "--deployment", "00"])).code).toBe(2);
      const deployment = ["--deployment", encodeHex(scene.deployment)];
      expect((await atDevice([...bare, ...gone, ...deployment])).code).toBe(2);
      scene.file("something.csv", "imsi\n");
      const wrongList = await atDevice(["keys", ...at(ONE), "--list", path("something.csv")]);
      expect(wrongList).toMatchObject({ code: 1, stdout: "" });
      expect(wrongList.stderr).toContain("no such list");
      expect(readFileSync(path("something.csv"), "utf8")).toBe("imsi\n");
    });
  },
);
