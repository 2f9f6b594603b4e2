/** A UDM on loopback, a client of it, and the SIM that its vectors are for. */
import { createFetchTransport } from "#edge/peers/fetch";
import { createHttp2Transport } from "#edge/peers/http2";
import type { PeerTransport } from "#edge/peers/transport";
import { createNudmClient, type NudmClient, type NudmSettings } from "#edge/nudm/client";
import { listen, type Peer } from "#tests/emulators/udm/listen";
import { createUdm, type Udm, type UdmOptions } from "#tests/emulators/udm/udm";
import type { UdmSubscriber } from "#tests/emulators/udm/vectors";
import { createUsim, type Usim } from "#tests/emulators/sim/usim";

export const IMSI = "460010123456789";
export const NETWORK = "5G:mnc001.mcc460.3gppnetwork.org";
export const INSTANCE = "6a0f8a3e-5a55-4f6c-9b3a-2f1d0c9e8b77";
export const CLIENT = { id: "simlatch", secret: "a secret: with, signs" } as const;

/** TS 35.208, test set 1. */
const KEYS = {
  k: Uint8Array.fromHex("465b5ce8b199b49faa5f0a2ee238a6bc"),
  opc: Uint8Array.fromHex("cd63cb71954a9f4e48a5994e37a02baf"),
};
const SELECT_USIM = "00a4040c10a0000000871002ff86ffff89ffffffff";

export interface Scene {
  readonly udm: Udm;
  readonly peer: Peer;
  readonly client: NudmClient;
  readonly clientWith: (settings: Partial<NudmSettings>) => NudmClient;
  readonly advance: (milliseconds: number) => void;
  readonly stop: () => Promise<void>;
}

export interface SceneOptions {
  readonly protocol?: "h2c" | "http/1.1";
  readonly udm?: Partial<UdmOptions>;
  readonly settings?: Partial<NudmSettings>;
  readonly sqn?: bigint;
}

export async function openScene(options: SceneOptions = {}): Promise<Scene> {
  const { protocol = "h2c" } = options;
  const subscriber: UdmSubscriber = { ...KEYS, sqn: options.sqn ?? 0n };
  const udm = createUdm({
    subscribers: new Map([[IMSI, subscriber]]),
    authType: "EAP_AKA_PRIME",
    servingNetworks: [NETWORK],
    ...options.udm,
  });
  const peer = await listen(protocol, udm.handle);
  const http2 = createHttp2Transport();
  const transport: PeerTransport =
    protocol === "h2c" ? http2.post : createFetchTransport((url, init) => fetch(url, init));
  let now = Date.UTC(2026, 10, 25, 12);
  const clientWith = (settings: Partial<NudmSettings>): NudmClient =>
    createNudmClient(
      { transport, clock: () => now },
      {
        root: peer.url,
        method: "EAP_AKA_PRIME",
        servingNetworkName: NETWORK,
        instanceId: INSTANCE,
        timeoutMs: 2000,
        ...options.settings,
        ...settings,
      },
    );
  return {
    udm,
    peer,
    client: clientWith({}),
    clientWith,
    advance: (milliseconds) => {
      now += milliseconds;
    },
    async stop() {
      http2.close();
      await peer.stop();
    },
  };
}

export function createSim(seqMs?: readonly number[]): Usim {
  const usim = createUsim({
    ...KEYS,
    imsi: IMSI,
    iccid: "8986010123456789012",
    mncLength: 2,
    seqMs,
  });
  usim.transmit(Uint8Array.fromHex(SELECT_USIM));
  return usim;
}

export interface SimAnswer {
  /** DB, DC, or a status word where the module refused. */
  readonly kind: string;
  /** After DB: RES, CK, IK; after DC: AUTS. */
  readonly values: readonly string[];
}

/** AUTHENTICATE in the 3G context (TS 31.102, 7.1.2). */
export function authenticate(
  usim: Usim,
  { rand, autn }: { readonly rand: Uint8Array; readonly autn: Uint8Array },
): SimAnswer {
  const command = Uint8Array.fromHex(`008800812210${rand.toHex()}10${autn.toHex()}`);
  const status = usim.transmit(command).toHex();
  if (!status.startsWith("61")) return { kind: status, values: [] };
  const data = usim.transmit(Uint8Array.fromHex(`00c00000${status.slice(2)}`));
  const values: string[] = [];
  for (let at = 1; at < data.length - 2; at += 1 + (data[at] ?? 0))
    values.push(data.subarray(at + 1, at + 1 + (data[at] ?? 0)).toHex());
  return { kind: data.subarray(0, 1).toHex().toUpperCase(), values };
}
