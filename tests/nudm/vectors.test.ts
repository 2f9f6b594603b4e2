/** Vectors over real HTTP/2 from a UDM of other code, as a SIM of a third code answers to them. */
import { afterEach, expect, test } from "bun:test";
import { decodeHex } from "#protocol/bytes";
import { deriveResStar } from "#wasm/derivations";
import {
  authenticate,
  createSim,
  IMSI,
  NETWORK,
  openScene,
  type Scene,
  type SceneOptions,
} from "./scene.ts";

let scene: Scene | undefined;
async function open(options?: SceneOptions): Promise<Scene> {
  scene = await openScene(options);
  return scene;
}
afterEach(async () => {
  await scene?.stop();
  scene = undefined;
});

function bytesOf(hex: string | undefined): Uint8Array {
  const bytes = decodeHex(hex ?? "x");
  if (bytes === undefined) throw new Error("no hex");
  return bytes;
}

test("generate-auth-data, EAP_AKA_PRIME: the SIM's RES is the XRES, and no key comes along", async () => {
  const { client, udm } = await open();
  const fetched = await client.fetchVectors(IMSI, 5);
  if (!fetched.ok) throw new Error(fetched.reason);
  expect(fetched.value).toHaveLength(1);
  const [vector] = fetched.value;
  if (vector === undefined) throw new Error("none");
  expect(Object.keys(vector).toSorted()).toEqual(["autn", "rand", "xres"]);
  const { kind, values } = authenticate(createSim(), vector);
  expect(kind).toBe("DB");
  expect(values[0]).toBe(vector.xres.toHex());
  expect(udm.asked).toEqual([`/nudm-ueau/v1/imsi-${IMSI}/security-information/generate-auth-data`]);
  expect(udm.violations).toEqual([]);
});

test("generate-auth-data, 5G_AKA: RES* of the SIM's RES, CK and IK is the XRES*", async () => {
  const { client, udm } = await open({
    udm: { authType: "5G_AKA" },
    settings: { method: "5G_AKA" },
  });
  const fetched = await client.fetchVectors(IMSI, 1);
  const [vector] = fetched.ok ? fetched.value : [];
  if (vector === undefined) throw new Error("none");
  const { values } = authenticate(createSim(), vector);
  const [res, ck, ik] = values.map(bytesOf);
  if (res === undefined || ck === undefined || ik === undefined) throw new Error("no answer");
  expect(vector.xres).toHaveLength(16);
  expect(deriveResStar(ck, ik, NETWORK, vector.rand, res).toHex()).toBe(vector.xres.toHex());
  expect(udm.violations).toEqual([]);
});

test.each(["EAP_AKA", "UMTS_AKA"] as const)(
  "generate-av, %s: as many vectors as asked for, each with CK and IK",
  async (method) => {
    const { client, udm } = await open({ settings: { method } });
    const fetched = await client.fetchVectors(IMSI, 5);
    if (!fetched.ok) throw new Error(fetched.reason);
    expect(fetched.value).toHaveLength(5);
    expect(new Set(fetched.value.map(({ rand }) => rand.toHex())).size).toBe(5);
    const sim = createSim();
    for (const vector of fetched.value) {
      const { kind, values } = authenticate(sim, vector);
      expect(kind).toBe("DB");
      expect(values).toEqual(
        [vector.xres, vector.ck, vector.ik].map((value) => value?.toHex() ?? ""),
      );
    }
    expect(udm.violations).toEqual([]);
  },
);

test.each(["EAP_AKA_PRIME", "EAP_AKA"] as const)(
  "%s: AUTS of a SIM that is ahead winds the UDM on, once it is right",
  async (method) => {
    const { client, udm } = await open({ settings: { method }, sqn: 0n });
    const sim = createSim(Array.from({ length: 32 }, () => 5000));
    const first = await client.fetchVectors(IMSI, 1);
    const [behind] = first.ok ? first.value : [];
    if (behind === undefined) throw new Error("none");
    const { kind, values } = authenticate(sim, behind);
    expect(kind).toBe("DC");
    const auts = bytesOf(values[0]);
    const forged = auts.map((byte, i) => (i === 13 ? byte ^ 1 : byte));
    const { rand } = behind;
    const refused = await client.fetchVectors(IMSI, 1, { rand, auts: forged });
    expect(refused).toEqual({ ok: false, reason: "authentication_rejected" });
    const second = await client.fetchVectors(IMSI, 1, { rand, auts });
    const [vector] = second.ok ? second.value : [];
    if (vector === undefined) throw new Error("none");
    expect(authenticate(sim, vector).kind).toBe("DB");
    expect(udm.violations).toEqual([]);
  },
);

test("auth-events: what became of the check is told, but not after generate-av", async () => {
  const { client, clientWith, udm, advance } = await open();
  const at = Date.UTC(2026, 10, 25, 12, 0, 1, 250);
  advance(1250);
  const told = await client.confirmAuthentication(IMSI, { success: true, at });
  expect(told).toEqual({ ok: true, value: undefined });
  expect(udm.authEvents).toEqual([
    {
      supi: `imsi-${IMSI}`,
      nfInstanceId: "6a0f8a3e-5a55-4f6c-9b3a-2f1d0c9e8b77",
      success: true,
      timeStamp: "2026-11-25T12:00:01.250Z",
      authType: "EAP_AKA_PRIME",
      servingNetworkName: NETWORK,
    },
  ]);
  const other = clientWith({ method: "EAP_AKA" });
  expect((await other.confirmAuthentication(IMSI, { success: true, at })).ok).toBe(true);
  expect(udm.authEvents).toHaveLength(1);
  expect(udm.violations).toEqual([]);
});

test("one connection carries many requests at once", async () => {
  const { client, peer, udm } = await open({ settings: { method: "EAP_AKA" } });
  const all = await Promise.all(Array.from({ length: 50 }, () => client.fetchVectors(IMSI, 2)));
  const rands = all.flatMap((one) => (one.ok ? one.value.map(({ rand }) => rand.toHex()) : []));
  expect(new Set(rands).size).toBe(100);
  expect(peer.connections()).toBe(1);
  expect(udm.violations).toEqual([]);
});
