/** What `simlatch emulate` puts into a reader: a card or a module, with test keys or enrolled. */
import { decodeHex, encodeBase64Url } from "#protocol/bytes";
import { DEFAULT_TENANT } from "#protocol/identifiers";
import { failure, type Result, success } from "#protocol/result";
import { AdminError, createAdminClient } from "#tests/fleet/admin-client";
import { createFleet } from "#tests/fleet/fleet";
import { makeModuleKeys, type SubscriberKind } from "#tests/fleet/modules";
import { createSim } from "#tests/emulators/sim/sim";
import { createUim } from "#tests/emulators/sim/uim";
import { createUsim } from "#tests/emulators/sim/usim";
import type { VpcdDevice } from "#tests/emulators/vpcd/connect";
import type { AdminProblem } from "./admin-call.ts";
import { createTestCard, TEST_CARD_ID } from "./test-card/test-card.ts";
import type { EmulateRequest } from "./emulate.ts";

export interface EmulatedPart {
  readonly device: VpcdDevice;
  /** What a person or a script wants to know of it; no secrets. */
  readonly facts: Readonly<Record<string, string>>;
}

/** TS 35.208, 4.3.1: test set 1. */
const TEST_K = "465b5ce8b199b49faa5f0a2ee238a6bc";
const TEST_OPC = "cd63cb71954a9f4e48a5994e37a02baf";
const TEST_IMSI = "001010123456063";
const ICCID = "8988211000000000018";
const KINDS: Readonly<Record<"usim" | "sim" | "uim", SubscriberKind>> = {
  usim: "USIM/Milenage",
  sim: "SIM/Milenage",
  uim: "UIM",
};

/** Whether the environment has what `--platform` needs. */
export function isConfigured(request: EmulateRequest): boolean {
  return request.platform === undefined || readKeys() !== undefined;
}

function readKeys(): { readonly adminKey: string; readonly deployment: Uint8Array } | undefined {
  const adminKey = process.env["SIMLATCH_ADMIN_KEY"] ?? "";
  const deployment = decodeHex(process.env["SIMLATCH_DEPLOYMENT"] ?? "");
  return adminKey === "" || deployment?.length !== 16 ? undefined : { adminKey, deployment };
}

/** Or why the platform did not enrol it. */
export async function createPart(
  request: EmulateRequest,
): Promise<Result<EmulatedPart, AdminProblem>> {
  const { kind, platform } = request;
  const keys = readKeys();
  if (platform === undefined || keys === undefined) {
    const part =
      kind === "card" ? createCardForTests(request) : createModuleForTests(request, kind);
    return success(part);
  }
  try {
    const part =
      kind === "card"
        ? enrolCard(request, platform, keys)
        : enrolModule(request, kind, platform, keys.adminKey);
    return success(await part);
  } catch (error) {
    if (!(error instanceof AdminError)) throw error;
    return failure(error.status === 0 ? "unreachable" : (error.code ?? "unexpected_answer"));
  }
}

function createCardForTests({ suite, modes }: EmulateRequest): EmulatedPart {
  const device = createTestCard({ suite, modes, kind: "TF", now: new Date(), random });
  return { device, facts: { kind: "card", cardId: TEST_CARD_ID, suite, modes: modes.join(" ") } };
}

function createModuleForTests(
  { imsi = TEST_IMSI, pin }: EmulateRequest,
  kind: keyof typeof KINDS,
): EmulatedPart {
  const k = Uint8Array.fromHex(TEST_K);
  const opc = Uint8Array.fromHex(TEST_OPC);
  const identity = { imsi, iccid: ICCID, mncLength: 2, pin } as const;
  const gsmMilenage = { ...identity, algorithm: "gsm-milenage", ki: k, opc } as const;
  const uim = { ...identity, random, aKey: k.slice(0, 8), uimId: k.slice(8, 12), hrpdSecret: k };
  const devices = {
    usim: () => createUsim({ ...identity, k, opc, gsmMode: true, gsmSecurityContext: true }),
    sim: () => createSim(gsmMilenage),
    uim: () => createUim(uim),
  };
  return { device: devices[kind](), facts: { kind, imsi } };
}

async function enrolCard(
  { suite, modes }: EmulateRequest,
  platformUrl: string,
  keys: { readonly adminKey: string; readonly deployment: Uint8Array },
): Promise<EmulatedPart> {
  const options = { platformUrl, ...keys, now: Date.now, random };
  const fleet = await createFleet({ ...options, fetch: (url, init) => fetch(url, init) });
  const { cardId, device } = await fleet.addCard({ suite, modes });
  const { keyId, publicKey } = fleet.concealment;
  const concealmentKey = `${keyId}:${encodeBase64Url(publicKey)}`;
  return { device, facts: { kind: "card", cardId, suite, modes: modes.join(" "), concealmentKey } };
}

async function enrolModule(
  { imsi = makeImsi(), binds }: EmulateRequest,
  kind: keyof typeof KINDS,
  platform: string,
  adminKey: string,
): Promise<EmulatedPart> {
  const admin = createAdminClient({
    baseUrl: platform,
    adminKey,
    fetch: (url, init) => fetch(url, init),
  });
  const { enrolment, create } = makeModuleKeys(KINDS[kind], random);
  const tenant = DEFAULT_TENANT;
  await admin.createSubscriber({ tenant, imsi, mncLength: 2, ...enrolment });
  if (binds !== undefined) {
    const rule = { tenant, target: { card: binds }, condition: { imsi } } as const;
    await admin.putRule(`emulated-${imsi}`, { ...rule, onMismatch: "refuse" });
    await admin.activateRules({ tenant });
  }
  const module = create({ imsi, iccid: ICCID, mncLength: 2 }, 0);
  const device: VpcdDevice = {
    transmit: (apdu) => module.transmit(apdu),
    reset: () => module.reset(),
  };
  return { device, facts: { kind, imsi } };
}

/** Of the test network 001-01. */
function makeImsi(): string {
  return `00101${Array.from(random(10), (byte) => byte % 10).join("")}`;
}

function random(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}
