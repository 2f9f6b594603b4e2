/** What a start with a UDM or a directory refuses, by a sentence that names the variable alone. */
import { describe, expect, test } from "bun:test";
import { runtimeAmbient } from "#edge/app";
import { checkEnvironment } from "#edge/bindings";
import { openConnectors } from "#edge/connectors";
import { readDirectory } from "#edge/directory/settings";
import { ConfigurationError, type UncheckedEnvironment } from "#edge/environment";
import { readNudmCentres } from "#edge/nudm/settings";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { random } from "#tests/platform/rig";

function refusalOf(read: (environment: UncheckedEnvironment) => unknown, environment: object) {
  try {
    read({ ...environment });
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
  return "";
}

describe("UDMs", () => {
  const HOME = {
    SIMLATCH_NUDM_CENTRES: "home",
    SIMLATCH_NUDM_HOME_URL: "http://127.0.0.1:7777",
    SIMLATCH_NUDM_HOME_SERVING_NETWORK: "5G:mnc001.mcc460.3gppnetwork.org",
    SIMLATCH_NUDM_HOME_INSTANCE_ID: "6a0f8a3e-5a55-4f6c-9b3a-2f1d0c9e8b77",
  };

  test("none, one with its defaults, and two of different kinds", () => {
    expect(readNudmCentres({}).size).toBe(0);
    expect([...readNudmCentres(HOME)]).toEqual([
      [
        "home",
        {
          root: "http://127.0.0.1:7777",
          method: "EAP_AKA_PRIME",
          servingNetworkName: "5G:mnc001.mcc460.3gppnetwork.org",
          instanceId: "6a0f8a3e-5a55-4f6c-9b3a-2f1d0c9e8b77",
          timeoutMs: 2000,
          token: undefined,
        },
      ],
    ]);
    const two = readNudmCentres({
      ...HOME,
      SIMLATCH_NUDM_CENTRES: "home,partner2",
      SIMLATCH_NUDM_PARTNER2_URL: "https://udm.partner.example/lab",
      SIMLATCH_NUDM_PARTNER2_METHOD: "UMTS_AKA",
      SIMLATCH_NUDM_PARTNER2_SERVING_NETWORK: "5G:mnc260.mcc310.3gppnetwork.org:0123456789A",
      SIMLATCH_NUDM_PARTNER2_INSTANCE_ID: "6a0f8a3e-5a55-4f6c-9b3a-2f1d0c9e8b78",
      SIMLATCH_NUDM_PARTNER2_TIMEOUT_MS: "500",
      SIMLATCH_NUDM_PARTNER2_TOKEN_URL: "https://nrf.partner.example/oauth2/token",
      SIMLATCH_NUDM_PARTNER2_CLIENT_ID: "simlatch",
      SIMLATCH_NUDM_PARTNER2_CLIENT_SECRET: "0123456789abcdef",
    });
    expect([...two.keys()]).toEqual(["home", "partner2"]);
    expect(two.get("partner2")).toMatchObject({
      method: "UMTS_AKA",
      timeoutMs: 500,
      token: {
        url: "https://nrf.partner.example/oauth2/token",
        client: { id: "simlatch", secret: "0123456789abcdef" },
      },
    });
  });

  test.each([
    ["CENTRES", "Home"],
    ["CENTRES", "home,home"],
    ["CENTRES", "home,"],
    ["CENTRES", "home,embedded"],
    ["CENTRES", "home, partner"],
    ["CENTRES", Array.from({ length: 17 }, (_, i) => `c${i}`).join(",")],
    ["HOME_URL", ""],
    ["HOME_URL", "ftp://127.0.0.1"],
    ["HOME_URL", "http://user@127.0.0.1"],
    ["HOME_URL", "http://127.0.0.1/?a=1"],
    ["HOME_URL", "http://127.0.0.1/"],
    ["HOME_URL", "127.0.0.1:7777"],
    ["HOME_METHOD", "EAP_TLS"],
    ["HOME_SERVING_NETWORK", "5G:mnc01.mcc460.3gppnetwork.org"],
    ["HOME_INSTANCE_ID", "6A0F8A3E-5A55-4F6C-9B3A-2F1D0C9E8B77"],
    ["HOME_TIMEOUT_MS", "10001"],
    ["HOME_TOKEN_URL", "nrf"],
  ])("SIMLATCH_NUDM_%s = %j stops the start", (name, value) => {
    const variable = `SIMLATCH_NUDM_${name}`;
    const message = refusalOf(readNudmCentres, { ...HOME, [variable]: value });
    expect(message).toStartWith(`Set ${variable} to `);
    if (value !== "") expect(message).not.toContain(value);
  });

  test("a UDM of the HLR's name stops the start", () => {
    const keys = {
      SIMLATCH_MASTER_KEY: encodeBase64Url(random(32)),
      SIMLATCH_DEPLOYMENT: encodeHex(random(16)),
    };
    const hlr = { SIMLATCH_GSUP_CENTRES: "home", SIMLATCH_GSUP_HOME_ADDRESS: "127.0.0.1" };
    const tools = {
      ...runtimeAmbient(() => undefined),
      log: () => undefined,
    };
    const open = (environment: UncheckedEnvironment): unknown =>
      openConnectors(checkEnvironment(environment), tools, () => {
        throw new Error("nothing is opened");
      });
    expect(refusalOf(open, { ...keys, ...HOME, ...hlr })).toContain("SIMLATCH_GSUP_CENTRES");
  });

  test("a client without a token URL, or with half of itself, stops the start", () => {
    const id = { SIMLATCH_NUDM_HOME_CLIENT_ID: "simlatch" };
    expect(refusalOf(readNudmCentres, { ...HOME, ...id })).toContain("HOME_TOKEN_URL");
    const url = { SIMLATCH_NUDM_HOME_TOKEN_URL: "http://127.0.0.1:7778/oauth2/token" };
    expect(refusalOf(readNudmCentres, { ...HOME, ...url, ...id })).toContain("HOME_CLIENT_SECRET");
    const secret = { SIMLATCH_NUDM_HOME_CLIENT_SECRET: "0123456789abcdef" };
    expect(refusalOf(readNudmCentres, { ...HOME, ...url, ...secret })).toContain("HOME_CLIENT_ID");
    const short = { SIMLATCH_NUDM_HOME_CLIENT_SECRET: "short" };
    const message = refusalOf(readNudmCentres, { ...HOME, ...url, ...id, ...short });
    expect(message).toContain("HOME_CLIENT_SECRET");
    expect(message).not.toContain("short");
  });
});

describe("the directory", () => {
  const SET = {
    SIMLATCH_DIRECTORY_URL: "https://crm.example/lookup",
    SIMLATCH_DIRECTORY_SECRET: "0123456789abcdef0123456789ABCDEF",
  };

  test("none, and one with its defaults", () => {
    expect(readDirectory({})).toBeUndefined();
    expect(readDirectory(SET)).toEqual({
      url: "https://crm.example/lookup",
      secret: "0123456789abcdef0123456789ABCDEF",
      timeoutMs: 1000,
      cacheMs: 60_000,
      breaker: { failuresMax: 5, restMs: 10_000, trialMs: 2000 },
    });
    const url = "http://127.0.0.1:9000/lookup";
    expect(readDirectory({ ...SET, SIMLATCH_DIRECTORY_URL: url })?.url).toBe(url);
  });

  test.each([
    ["URL", "http://crm.example/lookup"],
    ["URL", "http://127.0.0.1.example/lookup"],
    ["URL", "crm"],
    ["SECRET", ""],
    ["SECRET", "0123456789abcdef"],
    ["SECRET", "0123456789abcdef0123456789\nabcdef"],
    ["TIMEOUT_MS", "1501"],
    ["CACHE_SECONDS", "86401"],
    ["FAILURES", "0"],
    ["REST_SECONDS", "0"],
  ])("SIMLATCH_DIRECTORY_%s = %j stops the start", (name, value) => {
    const variable = `SIMLATCH_DIRECTORY_${name}`;
    const message = refusalOf(readDirectory, { ...SET, [variable]: value });
    expect(message).toStartWith(`Set ${variable} to `);
    if (value.length > 5) expect(message).not.toContain(value);
  });
});
