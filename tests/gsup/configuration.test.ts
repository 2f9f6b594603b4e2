/** SIMLATCH_GSUP_*: what is wrong stops the start, with a sentence and no value. */
import { describe, expect, test } from "bun:test";
import { checkEnvironment } from "#edge/bindings";
import { ConfigurationError } from "#edge/environment";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { random } from "#tests/platform/rig";

const KEY = new Uint8Array(random(32));
const BASE = {
  SIMLATCH_MASTER_KEY: encodeBase64Url(random(32)),
  SIMLATCH_DEPLOYMENT: encodeHex(random(16)),
};
const gsupOf = (changes: object) => checkEnvironment({ ...BASE, ...changes }).gsup;

test("none unless an HLR or a relay is named", () => {
  expect(gsupOf({})).toBeUndefined();
  expect(gsupOf({ SIMLATCH_GSUP_NAME: "pop-1" })).toBeUndefined();
});

test.each([
  ["hlr.example", { hostname: "hlr.example", port: 4222 }],
  ["192.0.2.7:14222", { hostname: "192.0.2.7", port: 14_222 }],
  ["[2001:db8::7]", { hostname: "2001:db8::7", port: 4222 }],
  ["[2001:db8::7]:1", { hostname: "2001:db8::7", port: 1 }],
])("the address %s", (address, via) => {
  const gsup = gsupOf({ SIMLATCH_GSUP_ADDRESS: address, SIMLATCH_SLOT: "3", SIMLATCH_SLOTS: "4" });
  expect(gsup).toEqual({ centre: "hlr", name: "simlatch-3", via });
});

test("a relay, with names of one's own", () => {
  const gsup = gsupOf({
    SIMLATCH_GSUP_RELAY: "https://relay.example",
    SIMLATCH_GSUP_RELAY_KEY: encodeBase64Url(KEY),
    SIMLATCH_GSUP_NAME: "fra-1",
    SIMLATCH_GSUP_CENTRE: "hlr-north",
  });
  const via = { url: "https://relay.example/", key: KEY };
  expect(gsup).toEqual({ centre: "hlr-north", name: "fra-1", via });
});

describe("does not start", () => {
  const relay = {
    SIMLATCH_GSUP_RELAY: "https://relay.example",
    SIMLATCH_GSUP_RELAY_KEY: encodeBase64Url(KEY),
  };
  test.each([
    ["SIMLATCH_GSUP_ADDRESS", { SIMLATCH_GSUP_ADDRESS: "hlr:0" }],
    ["SIMLATCH_GSUP_ADDRESS", { SIMLATCH_GSUP_ADDRESS: "hlr:65536" }],
    ["SIMLATCH_GSUP_ADDRESS", { SIMLATCH_GSUP_ADDRESS: "hlr:x" }],
    ["SIMLATCH_GSUP_ADDRESS", { SIMLATCH_GSUP_ADDRESS: "tcp://hlr" }],
    ["SIMLATCH_GSUP_ADDRESS", { SIMLATCH_GSUP_ADDRESS: "2001:db8::7" }],
    ["SIMLATCH_GSUP_RELAY", { SIMLATCH_GSUP_ADDRESS: "hlr", ...relay }],
    ["SIMLATCH_GSUP_RELAY", { ...relay, SIMLATCH_GSUP_RELAY: "relay.example" }],
    ["SIMLATCH_GSUP_RELAY", { ...relay, SIMLATCH_GSUP_RELAY: "ftp://relay.example" }],
    ["SIMLATCH_GSUP_RELAY", { ...relay, SIMLATCH_GSUP_RELAY: "https://relay.example/?a=b" }],
    ["SIMLATCH_GSUP_RELAY", { ...relay, SIMLATCH_GSUP_RELAY: "https://relay.example/path" }],
    ["SIMLATCH_GSUP_RELAY_KEY", { ...relay, SIMLATCH_GSUP_RELAY_KEY: "" }],
    ["SIMLATCH_GSUP_RELAY_KEY", { ...relay, SIMLATCH_GSUP_RELAY_KEY: encodeBase64Url(random(16)) }],
    ["SIMLATCH_GSUP_NAME", { ...relay, SIMLATCH_GSUP_NAME: "fra 1" }],
    ["SIMLATCH_GSUP_NAME", { ...relay, SIMLATCH_GSUP_NAME: "x".repeat(33) }],
    ["SIMLATCH_GSUP_CENTRE", { ...relay, SIMLATCH_GSUP_CENTRE: "embedded" }],
    ["SIMLATCH_GSUP_CENTRE", { ...relay, SIMLATCH_GSUP_CENTRE: "HLR" }],
  ])("%s: %j", (name, changes) => {
    let said = "";
    try {
      gsupOf(changes);
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      said = error.message;
    }
    expect(said).toContain(name);
    expect(said).not.toContain(encodeBase64Url(KEY));
  });
});
