/** The emulated UDM finds what contradicts its schema: "no violations" elsewhere says something. */
import { beforeEach, describe, expect, test } from "bun:test";
import { createUdm, type Udm, type UdmReply } from "#tests/emulators/udm/udm";
import { IMSI, INSTANCE, NETWORK } from "./scene.ts";

let udm: Udm;
beforeEach(() => {
  const secrets = { k: new Uint8Array(16).fill(1), opc: new Uint8Array(16).fill(2), sqn: 0n };
  udm = createUdm({
    subscribers: new Map([[IMSI, secrets]]),
    authType: "5G_AKA",
    servingNetworks: [NETWORK],
  });
});

function ask(path: string, body: unknown, headers: Record<string, string> = {}): UdmReply {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return udm.handle({ method: "POST", path: `/nudm-ueau/v1/${path}`, headers, body: text });
}

const AUTH_DATA = `imsi-${IMSI}/security-information/generate-auth-data`;
const AV = `imsi-${IMSI}/hss-security-information/eap-aka/generate-av`;
const EVENT = `imsi-${IMSI}/auth-events`;
const request = { servingNetworkName: NETWORK, ausfInstanceId: INSTANCE };
const hss = { hssAuthType: "EAP_AKA", numOfRequestedVectors: 5, requestingNodeType: "VLR" };
const event = {
  nfInstanceId: INSTANCE,
  success: true,
  timeStamp: "2026-11-25T12:00:00.000Z",
  authType: "5G_AKA",
  servingNetworkName: NETWORK,
};
const resynchronizationInfo = { rand: "00".repeat(16), auts: "00".repeat(14) };

test("what is right passes", () => {
  expect(
    [AUTH_DATA, AV, EVENT].map((path, i) => ask(path, [request, hss, event][i]).status),
  ).toEqual([200, 200, 201]);
  expect(udm.violations).toEqual([]);
});

describe.each([
  [AUTH_DATA, "AuthenticationInfoRequest", request],
  [AV, "HssAuthenticationInfoRequest", hss],
  [EVENT, "AuthEvent", event],
] as const)("%s", (path, schema, good) => {
  const changes: readonly (readonly [object, string])[] = [
    [{ servingNetworkName: "5G:mnc01.mcc460.3gppnetwork.org" }, ".servingNetworkName: pattern"],
    [{ servingNetworkName: undefined }, ".servingNetworkName: required"],
    [{ ausfInstanceId: "simlatch" }, ".ausfInstanceId: pattern"],
    [{ nfInstanceId: undefined }, ".nfInstanceId: required"],
    [{ success: "true" }, ".success: type"],
    [{ timeStamp: 1 }, ".timeStamp: type"],
    [{ timeStamp: "yesterday" }, ".timeStamp: pattern"],
    [{ authType: "5G-AKA" }, ".authType: enum"],
    [{ hssAuthType: "EAP-AKA" }, ".hssAuthType: enum"],
    [{ numOfRequestedVectors: 6 }, ".numOfRequestedVectors: maximum"],
    [{ numOfRequestedVectors: 0 }, ".numOfRequestedVectors: minimum"],
    [{ numOfRequestedVectors: 1.5 }, ".numOfRequestedVectors: type"],
    [{ requestingNodeType: "HLR" }, ".requestingNodeType: enum"],
    [{ resynchronizationInfo: { ...resynchronizationInfo, auts: "00" } }, ".auts: pattern"],
    [{ resynchronizationInfo: { rand: "00".repeat(16) } }, ".auts: required"],
  ];
  const own = changes.filter(([change]) =>
    Object.keys(change).every(
      (name) => name in good || (name === "resynchronizationInfo" && path !== EVENT),
    ),
  );

  test.each(own)("%j", (change, violation) => {
    expect(ask(path, { ...good, ...change }).status).toBe(400);
    expect(udm.violations).toHaveLength(1);
    expect(udm.violations[0]).toStartWith(schema);
    expect(udm.violations[0]).toEndWith(violation);
  });

  test("no JSON", () => {
    expect(ask(path, "{").status).toBe(400);
    expect(udm.violations).toEqual([`${schema}: type`]);
  });
});

test("a SUPI that is none, and a path that is none", () => {
  expect(ask(AUTH_DATA.replace("imsi-", ""), request).status).toBe(200);
  expect(udm.violations).toEqual(["Supi: pattern", "AuthenticationInfoResult.supi: pattern"]);
  expect(JSON.parse(ask(`imsi-${IMSI}/generate-av`, {}).body)).toMatchObject({
    cause: "RESOURCE_URI_STRUCTURE_NOT_FOUND",
  });
});
