/** What is missing or weak stops the start, with a sentence that says what to do and no value. */
import { expect, test } from "bun:test";
import { checkEnvironment } from "#edge/bindings";
import { ConfigurationError } from "#edge/environment";
import { DEFAULT_LIMITS } from "#edge/limits";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { createRig, random } from "./rig.ts";

const GOOD = {
  SIMLATCH_MASTER_KEY: encodeBase64Url(random(32)),
  SIMLATCH_DEPLOYMENT: encodeHex(random(16)),
  SIMLATCH_ADMIN_KEY: encodeBase64Url(random(24)),
};

function refusalOf(environment: Readonly<Record<string, unknown>>): string {
  try {
    checkEnvironment(environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
  return "";
}

test("the least that works, and its defaults", () => {
  const configuration = checkEnvironment(GOOD);
  expect(configuration.limits).toEqual(DEFAULT_LIMITS);
  expect(configuration.storeGeneration).toBe(1);
  expect([configuration.slot, configuration.slots]).toEqual([0, 1]);
  const { SIMLATCH_ADMIN_KEY: _, ...withoutAdmin } = GOOD;
  expect(checkEnvironment(withoutAdmin).adminKey).toBeUndefined();
});

test.each([
  ["SIMLATCH_MASTER_KEY", undefined],
  ["SIMLATCH_MASTER_KEY", ""],
  ["SIMLATCH_MASTER_KEY", encodeBase64Url(random(31))],
  ["SIMLATCH_MASTER_KEY", encodeBase64Url(new Uint8Array(32))],
  ["SIMLATCH_MASTER_KEY", encodeBase64Url(new Uint8Array(32).map((_, i) => i % 8))],
  ["SIMLATCH_MASTER_KEY", "not base64url!"],
  ["SIMLATCH_DEPLOYMENT", undefined],
  ["SIMLATCH_DEPLOYMENT", encodeHex(random(15))],
  ["SIMLATCH_DEPLOYMENT", "zz".repeat(16)],
  ["SIMLATCH_ADMIN_KEY", "short"],
  ["SIMLATCH_ADMIN_KEY", "a".repeat(64)],
  ["SIMLATCH_SLOT", "1"],
  ["SIMLATCH_SLOTS", "33"],
  ["SIMLATCH_STORE_GENERATION", "0"],
  ["SIMLATCH_STORE_GENERATION", "1.5"],
  ["SIMLATCH_LEASE_USES", "-1"],
  ["SIMLATCH_RESYNCHRONISATIONS", "3"],
  ["SIMLATCH_CHALLENGE_SECONDS", "99999999999"],
])("%s = %p is refused", (name, value) => {
  const message = refusalOf({ ...GOOD, [name]: value });
  expect(message).toContain(name);
  expect(message).toEndWith(".");
  if (value !== undefined && value.length > 3) expect(message).not.toContain(value);
});

test("every limit has its variable", () => {
  for (const limit of Object.keys(DEFAULT_LIMITS)) {
    const variable = `SIMLATCH_${limit.replaceAll(/([A-Z])/g, "_$1").toUpperCase()}`;
    const { limits } = checkEnvironment({ ...GOOD, [variable]: "1" });
    expect({ ...limits }).toEqual({ ...DEFAULT_LIMITS, [limit]: 1 });
  }
});

test("without an administration key there are no administration routes", async () => {
  for (const [key, status] of [
    ["", 404],
    [GOOD.SIMLATCH_ADMIN_KEY, 401],
  ] as const) {
    const rig = await createRig({ environment: { SIMLATCH_ADMIN_KEY: key } });
    const answer = await rig.fetch("http://rig.test/v1/admin/rules", { method: "GET" });
    expect(answer.status).toBe(status);
    await rig.dispose();
  }
});
