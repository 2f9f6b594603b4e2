/** `simlatch mtm`: the program as an operator starts it, against swtpm and a platform. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { type Finished, runSimlatch, serveRig } from "#tests/fleet/program";
import { ADMIN_KEY, createRig, type Rig } from "#tests/platform/rig";
import { createMtmCard } from "#terminal/mtm-card";
import { openTpm } from "#terminal/tpm-connection";
import { bindMtm, toBytes } from "./mtm-phone.ts";
import { hasSwtpm, type SoftwareTpm, startSwtpm } from "./swtpm.ts";

const CARD_ID = "4D544D0000000009";

function runMtm(args: readonly string[], adminKey = ADMIN_KEY): Promise<Finished> {
  return runSimlatch(["mtm", ...args], adminKey === "" ? {} : { SIMLATCH_ADMIN_KEY: adminKey });
}

describe.skipIf(!hasSwtpm("simlatch mtm"))("simlatch mtm", () => {
  let rig: Rig;
  let tpm: SoftwareTpm;
  let server: Bun.Server<undefined>;
  const folder = mkdtempSync(join(tmpdir(), "simlatch-mtm-command-"));
  const out = join(folder, "card.json");
  beforeAll(async () => {
    rig = await createRig();
    await rig.fleet();
    tpm = await startSwtpm();
    await tpm.hangUp();
    server = serveRig(rig);
  });
  afterAll(async () => {
    await server.stop(true);
    await tpm.stop();
    await rig.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  const chip = () => ["--tpm", `tcp:127.0.0.1:${tpm.port}`, "--card-id", CARD_ID];
  const enrolment = (endorsementKey: string) => [
    "enrol",
    ...chip(),
    "--endorsement-key",
    endorsementKey,
    "--out",
    out,
    "--deployment",
    encodeHex(rig.dependencies.deployment),
    "--url",
    server.url.origin,
  ];

  async function readKeys(): Promise<{ readonly endorsementKey: string }> {
    const { code, stdout } = await runMtm(["keys", ...chip(), "--json"]);
    expect(code).toBe(0);
    const keys: { readonly endorsementKey: string } = JSON.parse(stdout);
    expect(toBytes(keys.endorsementKey)).toHaveLength(65);
    return keys;
  }

  test("a chip is enrolled once, and what enrol wrote binds it", async () => {
    const { endorsementKey } = await readKeys();
    const enrolled = await runMtm(enrolment(endorsementKey));
    expect(enrolled).toEqual({ code: 0, stdout: `card ${CARD_ID}: enrolled\n`, stderr: "" });
    const again = await runMtm([...enrolment(endorsementKey), "--json"]);
    expect(again.code).toBe(1);
    expect(JSON.parse(again.stdout)).toEqual({
      cardId: CARD_ID,
      enrolled: false,
      problem: "conflict",
    });
    expect(again.stderr).toContain("enrolled already");
    const profile: Record<string, string> = JSON.parse(readFileSync(out, "utf8"));
    const fleet = await rig.fleet();
    const subscriber = await fleet.addSubscriber({ operator: "46001" });
    await fleet.addRule({ cardId: CARD_ID }, { imsi: subscriber.imsi }, "refuse");
    const chipAgain = openTpm({ host: "127.0.0.1", port: tpm.port });
    const { deployment } = rig.dependencies;
    const card = createMtmCard({
      tpm: chipAgain,
      deployment,
      tenant: profile["tenant"] ?? "",
      cardId: CARD_ID,
      policyKey: toBytes(profile["policyKey"] ?? ""),
      servicePolicy: toBytes(profile["servicePolicy"] ?? ""),
    });
    const platform = { url: "http://rig.test", fetch: rig.fetch, now: rig.now, deployment };
    const { outcome } = await bindMtm(platform, fleet, { cardId: CARD_ID, card }, subscriber);
    expect(outcome.verdict).toBe("SUCCESS");
    await chipAgain.close();
  });

  test("a chip that is not the maker's is not enrolled; a wrong key is 3, no TPM is 4", async () => {
    const { endorsementKey } = await readKeys();
    const other = `${endorsementKey.startsWith("BA") ? "BB" : "BA"}${endorsementKey.slice(2)}`;
    const swapped = await runMtm(enrolment(other));
    expect([swapped.code, swapped.stdout]).toEqual([1, ""]);
    expect(swapped.stderr).toContain("another endorsement key");
    expect((await runMtm(enrolment(endorsementKey), "")).code).toBe(3);
    const wrong = await runMtm(enrolment(endorsementKey), "another-administration-key-0123456789");
    expect(wrong.code).toBe(3);
    const gone = await runMtm(["keys", "--tpm", "/dev/simlatch-no-such-tpm", ...chip().slice(2)]);
    expect([gone.code, gone.stdout]).toEqual([4, ""]);
    expect(gone.stderr).toContain("TPM: unreachable");
  });

  test("what the command line or the file lacks is told before anything is done: 2", async () => {
    const broken = join(folder, "broken.json");
    writeFileSync(broken, JSON.stringify({ cardId: CARD_ID, tenant: "default" }));
    const sound = join(folder, "sound.json");
    const names = { cardId: CARD_ID, tenant: "default", deployment: "00".repeat(16) };
    const policy = {
      policyKey: encodeBase64Url(new Uint8Array(65)),
      servicePolicy: encodeBase64Url(new Uint8Array(32)),
    };
    writeFileSync(sound, JSON.stringify({ ...names, ...policy }));
    const { endorsementKey } = await readKeys();
    const nowhere = ["--out", join(folder, "absent", "card.json")];
    const reader = ["--module-reader", "Virtual PCD 00 01"];
    const runs: readonly (readonly [string, readonly string[]])[] = [
      ["say keys, enrol, prove or bind", ["sign"]],
      ["--tpm wants", ["keys", "--tpm", "127.0.0.1", "--card-id", CARD_ID]],
      ["--tpm wants", ["keys", "--tpm", "tcp:127.0.0.1:99999", "--card-id", CARD_ID]],
      ["--card-id wants", ["keys", "--tpm", "tcp:127.0.0.1:2321", "--card-id", "12"]],
      ["--endorsement-key", ["enrol", ...chip(), "--out", out, "--endorsement-key", "AAAA"]],
      ["--out", ["enrol", ...chip(), "--endorsement-key", "AAAA"]],
      ["module's reader", ["bind", ...chip().slice(0, 2), "--card", out]],
      ["bind wants --card", ["bind", ...chip().slice(0, 2), ...reader]],
      ["no such file", ["bind", ...chip().slice(0, 2), ...reader, "--card", `${out}.gone`]],
      ["is not what", ["bind", ...chip().slice(0, 2), ...reader, "--card", broken]],
      ["cannot be written", [...enrolment(endorsementKey), ...nowhere]],
      [
        "cannot be read",
        ["bind", ...chip().slice(0, 2), ...reader, "--card", sound, "--sign", `${out}.gone`],
      ],
    ];
    for (const [advice, args] of runs) {
      const { code, stdout, stderr } = await runMtm(args);
      expect([code, stdout]).toEqual([2, ""]);
      expect(stderr).toContain(advice);
    }
  });
});
