/**
 * A whole binding through real readers: pcscd with two virtual readers, the emulated card and USIM
 * as `simlatch emulate` runs them, a platform on Bun, and `simlatch terminal bind` between them.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasSwtpm, startSwtpm } from "#tests/mtm/swtpm";
import { type Emulation, emulate, type Platform, SIMLATCH, startTestPlatform } from "./scene.ts";
import {
  missingPart,
  OPENSC_TOOL,
  type PcscService,
  run,
  sendByOpensc,
  startPcscService,
  takeTurn,
  type Turn,
  TURN_MS,
} from "./service.ts";

setDefaultTimeout(60_000);

/** F0 and the name, the applet's AID. */
const APPLET = `F0${Buffer.from("SIMLATCH").toHex().toUpperCase()}`;
const TPM_CARD_ID = "4D544D0000000007";
const SERVED = { verdict: "SUCCESS", cardState: "serving", receipt: "delivered" };

const missing = missingPart(["opensc-tool"]);
if (missing !== undefined) process.stdout.write(`SKIP ${missing}: binding through PC/SC readers\n`);

describe.skipIf(missing !== undefined)("through real readers", () => {
  let turn: Turn;
  let service: PcscService;
  let platform: Platform;
  let inserted: Emulation[] = [];

  beforeAll(async () => {
    turn = await takeTurn();
    [service, platform] = await Promise.all([startPcscService(), startTestPlatform()]);
  }, TURN_MS);

  afterAll(async () => {
    await Promise.all(inserted.map((part) => part.stop()));
    await service?.stop();
    await turn?.end();
    await platform?.stop();
  });

  async function takeOut(): Promise<void> {
    await Promise.all(inserted.map((part) => part.stop()));
    inserted = [];
    await service.waitForCards(false, false);
  }

  async function insert(card: readonly string[], module: string): Promise<Emulation[]> {
    await takeOut();
    const [cardPort, modulePort] = service.ports;
    const enrol = ["--platform", platform.url];
    const atCard = ["card", "--vpcd", `127.0.0.1:${cardPort}`, ...enrol, ...card];
    const first = await emulate(atCard, platform.environment);
    const binds = ["--binds", first.facts["cardId"] ?? ""];
    const atModule = [module, "--vpcd", `127.0.0.1:${modulePort}`, ...enrol, ...binds];
    inserted = [first, await emulate(atModule, platform.environment)];
    await service.waitForCards(true, true);
    return inserted;
  }

  const bindArguments = (extra: readonly string[] = []): string[] => {
    const [cardReader, moduleReader] = service.readers;
    const readers = ["--card-reader", cardReader, "--module-reader", moduleReader];
    return [...SIMLATCH, "terminal", "bind", "--platform", platform.url, ...readers, ...extra];
  };

  test("opensc-tool lists both readers with cards, prints ATRs, selects and reads", async () => {
    const [card] = await insert([], "usim");
    const cardId = card?.facts["cardId"] ?? "";
    const { stdout: list } = await run([...OPENSC_TOOL, "-l"]);
    const rows = list.split("\n").filter((row) => row.includes("Virtual PCD"));
    expect(rows.map((row) => row.includes("Yes"))).toEqual([true, true]);
    const atrs = await Promise.all(["0", "1"].map((n) => run([...OPENSC_TOOL, "-r", n, "-a"])));
    expect(atrs.map(({ stdout }) => stdout.trim())).toEqual([
      "3b:68:00:00:53:49:4d:4c:41:54:43:48",
      "3b:97:96:80:1f:c7:80:31:e0:73:f6:21:00:ac",
    ]);
    expect((await sendByOpensc(1, "00A40004023F00")).statusWords).toEqual(["9000"]);
    // The card is no UICC and has no MF; its applet answers with its status, card id first.
    const told = await sendByOpensc(0, "00A40004023F00", `00A4040009${APPLET}`, "00CA008000");
    expect(told.statusWords).toEqual(["6A86", "9000", "9000"]);
    expect(told.stdout).toContain(`85 08 ${cardId.replaceAll(/..(?=.)/g, "$& ")} `);
    const readers = await run([...SIMLATCH, "terminal", "readers", "--json"]);
    const expected = service.readers.map((name) => ({ name, hasCard: true }));
    expect(JSON.parse(readers.stdout)).toEqual(expected);
  });

  for (const [card, module, kind] of [
    [["--suite", "P-256"], "usim", "USIM"],
    [["--suite", "RSA-2048"], "sim", "SIM"],
    [["--suite", "SM", "--mode", "encrypted"], "usim", "USIM"],
    [["--suite", "AES"], "uim", "UIM"],
  ] as const) {
    test(`a whole binding: card ${card.join(" ")} and ${kind}`, async () => {
      const [first] = await insert(card, module);
      const key = first?.facts["concealmentKey"] ?? "";
      const conceal = card.some((word) => word === "encrypted") ? ["--concealment-key", key] : [];
      const options = ["--module", kind, ...conceal, "--json"];
      const { code, stdout, stderr } = await run(bindArguments(options));
      expect([code, stderr]).toEqual([0, ""]);
      expect(JSON.parse(stdout)).toMatchObject(SERVED);
    });
  }

  test.skipIf(!hasSwtpm("a TPM beside a USIM in a reader"))(
    "a TPM is the card beside the USIM in a reader, and signs a file while it serves",
    async () => {
      // The tenant is there from its first card on.
      await insert([], "usim");
      await takeOut();
      const folder = mkdtempSync(join(tmpdir(), "simlatch-pcsc-mtm-"));
      const swtpm = await startSwtpm();
      try {
        await swtpm.hangUp();
        const vpcd = ["--vpcd", `127.0.0.1:${service.ports[1]}`];
        const usim = ["usim", ...vpcd, "--platform", platform.url, "--binds", TPM_CARD_ID];
        inserted = [await emulate(usim, platform.environment)];
        await service.waitForCards(false, true);
        const [card, document] = [join(folder, "card.json"), join(folder, "contract")];
        writeFileSync(document, "pay 100 to the plumber");
        const chip = ["--tpm", `tcp:127.0.0.1:${swtpm.port}`];
        const mtm = (verb: string, ...args: readonly string[]) =>
          run([...SIMLATCH, "mtm", verb, ...chip, ...args], platform.environment);
        const keys = await mtm("keys", "--card-id", TPM_CARD_ID, "--json");
        const { endorsementKey }: { readonly endorsementKey: string } = JSON.parse(keys.stdout);
        const enrolment = ["--endorsement-key", endorsementKey, "--url", platform.url];
        const enrolled = await mtm("enrol", "--card-id", TPM_CARD_ID, ...enrolment, "--out", card);
        expect([enrolled.code, enrolled.stderr]).toEqual([0, ""]);
        const beside = ["--platform", platform.url, "--module-reader", service.readers[1]];
        const bound = await mtm("bind", "--card", card, ...beside, "--sign", document, "--json");
        expect([bound.code, bound.stderr]).toEqual([0, ""]);
        expect(JSON.parse(bound.stdout)).toMatchObject({
          ...SERVED,
          served: [`signed ${document}`],
        });
        expect(readFileSync(`${document}.sig`)).toHaveLength(64);
      } finally {
        await swtpm.stop();
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );

  test("a person sees the steps; a reader without its card, or none, has its exit code", async () => {
    await insert([], "usim");
    const told = await run(bindArguments());
    expect(told.code).toBe(0);
    expect(told.stdout).toMatch(/^ {2}311 .*access request/m);
    expect(told.stdout).toContain("RESULT=SUCCESS  card serving  receipt delivered");
    await takeOut();
    const empty = await run(bindArguments());
    expect([empty.code, empty.stdout]).toEqual([1, ""]);
    expect(empty.stderr).toContain("no_card");
    const nowhere = await run(bindArguments(["--card-reader", "Nowhere 00"]));
    expect(nowhere.code).toBe(4);
    expect(nowhere.stderr).toContain("Nowhere 00: no_reader");
  });
});
