/**
 * The platform's side of a concealed IMSI (docs/protocol.md, section 3.4): what was altered, or was
 * made for another session, key or tenant, is nobody's. The client's side is in tests/terminal.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { revealImsi } from "#edge/secure-connection/concealed-imsi";
import { eciesProfileB } from "#edge/suites/ecies";
import { concatBytes, decodeBase64Url } from "#protocol/bytes";
import { concealImsi } from "#terminal/conceal";
import { createRig, random, type Rig } from "./rig.ts";
import kdf from "../vectors/kdf_5g_eap.json";

const IMSI = "460010123456789";
const NOTHING = new Uint8Array(0);

/** `bytes` with each byte altered in turn, cut before it, and one byte longer at either end. */
function neighbours(bytes: Uint8Array): Uint8Array[] {
  const altered = [...bytes.keys()].map((at) =>
    bytes.map((byte, i) => (i === at ? byte ^ 1 : byte)),
  );
  const cut = [...bytes.keys()].map((at) => bytes.slice(0, at));
  const zero = Uint8Array.of(0);
  return [...altered, ...cut, concatBytes(bytes, zero), concatBytes(zero, bytes)];
}

function openOf(name: string): { privateKey: Uint8Array; message: Uint8Array; plain: string } {
  const { inputs, expected } = kdf.vectors.find((vector) => vector.name === name) ?? {};
  const field = (member: string): string =>
    String(Object.entries({ ...inputs, ...Object(expected) }).find(([key]) => key === member)?.[1]);
  return {
    privateKey: Uint8Array.fromHex(field("hn_priv")),
    message: Uint8Array.fromHex(field("eph_pub") + field("ct") + field("mac")),
    plain: field("pt"),
  };
}

test("TS 33.501 C.4.4, Profile B: the home network opens the standard's message, and no other", () => {
  const { privateKey, message, plain } = openOf("TS 33.501 C.4.4");
  expect(eciesProfileB.open(privateKey, message, NOTHING)?.toHex()).toBe(plain);
  for (const other of neighbours(message))
    expect(eciesProfileB.open(privateKey, other, NOTHING)).toBeUndefined();
  expect(eciesProfileB.open(privateKey, message, Uint8Array.of(0))).toBeUndefined();
  const { privateKey: foreign } = eciesProfileB.generateKeyPair();
  expect(eciesProfileB.open(foreign, message, NOTHING)).toBeUndefined();
});

let rig: Rig;
beforeAll(async () => {
  rig = await createRig();
});
afterAll(() => rig.dispose());

test("a concealed IMSI is the subscriber's in its own session and tenant, else nobody's", async () => {
  const { admin, tenant } = await rig.fleet();
  const { id, publicKey: text } = await admin.createConcealmentKey({ tenant });
  const publicKey = decodeBase64Url(text) ?? NOTHING;
  const token = random(48);
  const concealed = await concealImsi({ keyId: id, publicKey }, IMSI, token);
  const { dependencies } = rig;
  expect(await revealImsi(dependencies, tenant, concealed, token)).toBe(IMSI);
  const others = [...neighbours(token), random(48)];
  for (const other of others)
    expect(await revealImsi(dependencies, tenant, concealed, other)).toBeUndefined();
  for (const altered of neighbours(concealed))
    expect(await revealImsi(dependencies, tenant, altered, token)).toBeUndefined();
  expect(await revealImsi(dependencies, "another", concealed, token)).toBeUndefined();
});
