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
const centresOf = (changes: object) => checkEnvironment({ ...BASE, ...changes }).gsupCentres;
const hlrOf = (changes: object) =>
  centresOf({ SIMLATCH_GSUP_CENTRES: "hlr", ...changes }).get("hlr");

test("none unless they are named", () => {
  expect(centresOf({}).size).toBe(0);
  expect(centresOf({ SIMLATCH_GSUP_HLR_ADDRESS: "hlr.example" }).size).toBe(0);
});

test.each([
  ["hlr.example", { hostname: "hlr.example", port: 4222 }],
  ["192.0.2.7:14222", { hostname: "192.0.2.7", port: 14_222 }],
  ["[2001:db8::7]", { hostname: "2001:db8::7", port: 4222 }],
  ["[2001:db8::7]:1", { hostname: "2001:db8::7", port: 1 }],
])("the address %s", (address, via) => {
  const slot = { SIMLATCH_SLOT: "3", SIMLATCH_SLOTS: "4" };
  const hlr = hlrOf({ SIMLATCH_GSUP_HLR_ADDRESS: address, ...slot });
  expect(hlr).toEqual({ peerName: "simlatch-3", via });
});

test("an HLR and a relay beside each other, with names of one's own", () => {
  const centres = centresOf({
    SIMLATCH_GSUP_CENTRES: "north,south",
    SIMLATCH_GSUP_NORTH_RELAY: "https://relay.example",
    SIMLATCH_GSUP_NORTH_RELAY_KEY: encodeBase64Url(KEY),
    SIMLATCH_GSUP_NORTH_PEER_NAME: "fra-1",
    SIMLATCH_GSUP_SOUTH_ADDRESS: "192.0.2.7",
  });
  const via = { url: "https://relay.example/", key: KEY };
  expect(centres.get("north")).toEqual({ peerName: "fra-1", via });
  const address = { hostname: "192.0.2.7", port: 4222 };
  expect(centres.get("south")).toEqual({ peerName: "simlatch-0", via: address });
});

describe("does not start", () => {
  const relay = { RELAY: "https://relay.example", RELAY_KEY: encodeBase64Url(KEY) };
  test.each([
    ["ADDRESS", { ADDRESS: "hlr:0" }],
    ["ADDRESS", { ADDRESS: "hlr:65536" }],
    ["ADDRESS", { ADDRESS: "hlr:x" }],
    ["ADDRESS", { ADDRESS: "tcp://hlr" }],
    ["ADDRESS", { ADDRESS: "2001:db8::7" }],
    ["ADDRESS", {}],
    ["RELAY", { ADDRESS: "hlr", ...relay }],
    ["RELAY", { ...relay, RELAY: "relay.example" }],
    ["RELAY", { ...relay, RELAY: "ftp://relay.example" }],
    ["RELAY", { ...relay, RELAY: "https://relay.example/?a=b" }],
    ["RELAY", { ...relay, RELAY: "https://relay.example/path" }],
    ["RELAY_KEY", { ...relay, RELAY_KEY: "" }],
    ["RELAY_KEY", { ...relay, RELAY_KEY: encodeBase64Url(random(16)) }],
    ["PEER_NAME", { ...relay, PEER_NAME: "fra 1" }],
    ["PEER_NAME", { ...relay, PEER_NAME: "x".repeat(33) }],
  ])("%s: %j", (name, changes) => {
    const named = Object.entries(changes).map(([key, value]) => [
      `SIMLATCH_GSUP_HLR_${key}`,
      value,
    ]);
    const said = refusalOf(() => hlrOf(Object.fromEntries(named)));
    expect(said).toContain(`SIMLATCH_GSUP_HLR_${name}`);
    expect(said).not.toContain(encodeBase64Url(KEY));
  });

  test.each(["embedded", "HLR", "hlr,hlr", "hlr-north", "hlr, south", "7th"])(
    "SIMLATCH_GSUP_CENTRES: %s",
    (list) => {
      expect(refusalOf(() => centresOf({ SIMLATCH_GSUP_CENTRES: list }))).toContain(
        "SIMLATCH_GSUP_CENTRES",
      );
    },
  );
});

function refusalOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.message;
  }
  return "";
}
