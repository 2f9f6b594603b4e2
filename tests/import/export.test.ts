/** `simlatch export`: pages put together, no keys, and a file that an import takes again. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { openTenant } from "#tests/admin/platform";
import { expectRefusal, MARKER } from "#tests/admin/refusal";
import { imsiOf, keyOf, OPC } from "./keys.ts";
import { openScene, type Scene, summaryOf } from "./scene.ts";

const COUNT = 2345;
let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
  const rows = Array.from(
    { length: COUNT },
    (_, i) => `${imsiOf(i)},2,${i % 2 === 0 ? "" : `4670${i}`},${keyOf(i)},${OPC},80ff,6,${i}\n`,
  );
  const header = "imsi,mnc_length,msisdn,k,opc,amf,ind_bits,sqn\n";
  expect((await scene.importRows(`${header}${rows.join("")}`)).code).toBe(0);
}, 60_000);
afterAll(() => scene.stop());

test("every subscriber once, in the order of the IMSI, and no key", async () => {
  const outcome = await scene.run(["export", "subscribers", "--url", scene.url]);
  expect(outcome).toMatchObject({ code: 0, stderr: "" });
  const lines = outcome.stdout.trimEnd().split("\r\n");
  expect(lines[0]).toBe(
    "imsi,mnc_length,msisdn,status,centre,algorithm,amf,ind_bits,key_version,customer_data," +
      "home_region,user_groups,level,company,services,network_subset,service_provider,corporate",
  );
  expect(lines.slice(1).map((line) => line.split(",")[0])).toEqual(
    Array.from({ length: COUNT }, (_, i) => imsiOf(i)),
  );
  expect(lines[2]).toBe(`${imsiOf(1)},2,46701,active,embedded,milenage,80ff,6,1,unknown,,,,,,,,`);
  expect(outcome.stdout).not.toContain(OPC);
  for (const number of [0, 1, COUNT - 1]) expect(outcome.stdout).not.toContain(keyOf(number));
});

test("an export with its keys put back is unchanged at the import", async () => {
  const outcome = await scene.run(["export", "subscribers", "--url", scene.url]);
  const [header = "", ...lines] = outcome.stdout.trimEnd().split("\r\n");
  const rows = lines.map((line, i) => `${line},${keyOf(i)},${OPC}`);
  const again = await scene.importRows(`${header},k,opc\r\n${rows.join("\r\n")}`, [
    "--map",
    "key_version=",
    "--json",
  ]);
  expect(summaryOf(again)).toMatchObject({ rows: COUNT, unchanged: COUNT });
});

test("a tenant without anything, and a platform that refuses", async () => {
  const args = ["export", "subscribers", "--url", scene.url];
  const none = await scene.run([...args, "--tenant", "nobody"]);
  expect(none).toMatchObject({ code: 0, stderr: "" });
  expect(none.stdout.trimEnd().split("\r\n")).toHaveLength(1);
  const wrong = await scene.run(args, "x".repeat(40));
  expect(wrong.code).toBe(3);
  expect(wrong.stderr).toContain("what was written is not all");
  expect((await scene.run(args, "")).code).toBe(3);
  for (const bad of [
    ["keys"],
    [],
    ["subscribers", "x"],
    ["challenges"],
    ["challenges", "x.none"],
  ]) {
    expect((await scene.run(["export", ...bad])).code).toBe(2);
  }
});

test("the pages' queries", async () => {
  const platform = await openTenant();
  for (const path of ["/subscribers", "/cards"]) {
    expect((await platform.call("GET", path)).json).toEqual({ rows: [], next: null });
    for (const query of [`after=${MARKER}`, "limit=0", "limit=1001", "limit=x", `${MARKER}=1`]) {
      await expectRefusal(platform, "malformed", () => platform.call("GET", `${path}?${query}`));
    }
  }
  platform.close();
});
