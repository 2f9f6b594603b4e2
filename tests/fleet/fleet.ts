/**
 * An operator with its cards, subscribers and phones, made of the emulators and enrolled through
 * the administration interface alone. Time, randomness and the network come from the caller.
 */
import type { RuleUpdate } from "#protocol/admin";
import { type Bytes, decodeBase64Url, encodeBase64Url, encodeHex } from "#protocol/bytes";
import { DEFAULT_TENANT } from "#protocol/identifiers";
import {
  type CardKindName,
  type ModeName,
  type Suite,
  suiteNamed,
  type SuiteName,
} from "#protocol/suites";
import { type Card, createCard } from "#tests/emulators/card/card";
import { generateCardKeys } from "#tests/emulators/card/keys";
import {
  createNonVolatileMemory,
  type SimulatedMemory,
} from "#tests/emulators/card/non-volatile-memory";
import type { CertificateOverrides } from "#tests/emulators/operator/certificate-authority";
import { createOperator, type Operator } from "#tests/emulators/operator/operator";
import { createUsim, type Usim } from "#tests/emulators/sim/usim";
import {
  connectCard,
  createTerminal,
  type Tamper,
  type Terminal,
} from "#tests/emulators/terminal/terminal";
import { createCardApplet } from "#terminal/card";
import type { Concealment } from "#terminal/conceal";
import type { Fetch } from "#terminal/platform-client";
import { type CardTransport, createSdTransport } from "#terminal/transport";
import { type AdminClient, createAdminClient } from "./admin-client.ts";

export interface FleetOptions {
  readonly platformUrl: string;
  readonly adminKey: string;
  /** 16 bytes; the platform's SIMLATCH_DEPLOYMENT. */
  readonly deployment: Uint8Array;
  readonly tenant?: string;
  readonly fetch: Fetch;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  readonly random: (length: number) => Uint8Array;
}

export interface CardOptions {
  /** P-256 unless given. */
  readonly suite?: SuiteName;
  /** Signed mode alone unless given. */
  readonly modes?: readonly ModeName[];
  /** TF unless given. */
  readonly kind?: CardKindName;
  /** A card with a clock: seconds. */
  readonly clock?: { readonly now: () => number };
  readonly certificate?: CertificateOverrides;
}

export interface FleetCard {
  readonly cardId: string;
  readonly kind: CardKindName;
  readonly suite: Suite;
  /** The one that its sessions have. */
  readonly mode: ModeName;
  /** Of an SD card `transmit` takes blocks. */
  readonly device: Card;
  /** Its flash: the same flash is the same card after a loss of power. */
  readonly memory: SimulatedMemory;
  /** 65 bytes, 04 || X || Y. */
  readonly servicePublicKey: Bytes;
}

export interface FleetSubscriber {
  readonly imsi: string;
  readonly device: Usim;
  /** Another module with the same keys whose SEQ_MS is `seq` everywhere: this one, later. */
  readonly cloneAt: (seq: number) => Usim;
}

interface SubscriberOptions {
  /** MCC and MNC, 5 or 6 digits. */
  readonly operator: string;
  /** SEQ_MS of every IND: how far ahead the USIM is of a new subscriber record. */
  readonly seqMs?: number;
}

export interface Fleet {
  readonly tenant: string;
  readonly admin: AdminClient;
  readonly operator: Operator;
  /** What phones conceal the IMSI to. */
  readonly concealment: Concealment;
  /** A new platform key, vouched for and in use; gives its generation. Of P-256 unless given. */
  addPlatformKey(suite?: SuiteName): Promise<number>;
  addCard(options?: CardOptions): Promise<FleetCard>;
  addSubscriber(options: SubscriberOptions): Promise<FleetSubscriber>;
  /** A rule for this card; its id is made here. */
  addRule(
    card: FleetCard,
    condition: RuleUpdate["condition"],
    onMismatch: RuleUpdate["onMismatch"],
  ): Promise<void>;
  /** A phone with both in their slots. */
  assemblePhone(card: FleetCard, subscriber: FleetSubscriber, tamper?: Tamper): Promise<Terminal>;
}

const KEY_VERSION = 1;
const IMSI_DIGITS = 15;
const ICCID_DIGITS = 19;
const KEY_BYTES = 16;
const CARD_ID_BYTES = 8;
/** Elements of the SQN array with 5 bits of IND (TS 33.102, C.1.1.1). */
const IND_COUNT = 32;

/** A fleet with its tenant registered and one platform key in use. */
export async function createFleet(options: FleetOptions): Promise<Fleet> {
  const { now, deployment, tenant = DEFAULT_TENANT } = options;
  const operator = await createOperator({ now: new Date(now()), deployment, tenant });
  const admin = createAdminClient({
    baseUrl: options.platformUrl,
    adminKey: options.adminKey,
    fetch: options.fetch,
  });
  const anchors = Object.entries(operator.anchors).map(([suite, key]) => [
    suite,
    encodeBase64Url(key),
  ]);
  await admin.putTenant(tenant, {
    anchors: Object.fromEntries(anchors),
    cardRoots: operator.rootCertificates.map(encodeBase64Url),
  });
  const { id, publicKey } = await admin.createConcealmentKey({ tenant });
  const concealment = { keyId: id, publicKey: requireBytes(publicKey) };
  const base = { options, tenant, admin, operator, suitesInUse: new Set<SuiteName>() };
  await addPlatformKey(base, "P-256");
  return {
    tenant,
    admin,
    operator,
    concealment,
    addPlatformKey: (suite = "P-256") => addPlatformKey(base, suite),
    addCard: (card = {}) => addCard(base, card),
    addSubscriber: (subscriber) => addSubscriber(base, subscriber),
    addRule: async ({ cardId }, condition, onMismatch) => {
      const id = `rule-${encodeHex(options.random(CARD_ID_BYTES))}`;
      await admin.putRule(id, { tenant, target: { card: cardId }, condition, onMismatch });
    },
    assemblePhone: async (card, subscriber, tamper) => {
      const { platformUrl, fetch } = options;
      const terminal = createTerminal({
        platformUrl,
        tenant,
        fetch,
        now,
        concealment,
        ...(tamper === undefined ? {} : { tamper }),
      });
      await terminal.insertModule(subscriber.device);
      await terminal.insertCard(card.device, card.kind);
      return terminal;
    },
  };
}

interface FleetBase {
  readonly options: FleetOptions;
  readonly tenant: string;
  readonly admin: AdminClient;
  readonly operator: Operator;
  /** Those that have a platform key. */
  readonly suitesInUse: Set<SuiteName>;
}

async function addPlatformKey(base: FleetBase, suite: SuiteName): Promise<number> {
  const { tenant, admin, operator, suitesInUse } = base;
  const { generation, publicKey } = await admin.createPlatformKey({ tenant, suite });
  suitesInUse.add(suite);
  const { credential } = suiteNamed(suite);
  if (credential === "shared key") return generation;
  const content = { generation, publicKey: requireBytes(publicKey) };
  const signature = encodeBase64Url(await operator.signCredential(suite, content));
  await admin.activatePlatformKey(generation, { tenant, suite, signature });
  return generation;
}

/** How an SDK reaches the applet of a fleet's card. */
export function connectCard({ device, kind }: Pick<FleetCard, "device" | "kind">): CardTransport {
  return kind === "SD" ? createSdTransport(device) : device;
}

/** A card as its issuer hands it out: what is inside, and what the registry must be told. */
async function personalise(base: FleetBase, cardId: string, card: CardOptions) {
  const { options, tenant, operator } = base;
  const { random, deployment } = options;
  const { suite = "P-256", modes = ["signed"], kind = "TF", clock } = card;
  const shared = suiteNamed(suite).credential === "shared key";
  const sharedKey = shared ? random(KEY_BYTES) : undefined;
  const keys = generateCardKeys(suite, { random }, sharedKey === undefined ? {} : { sharedKey });
  const issued = shared
    ? undefined
    : await operator.issueCardCertificate(
        suite,
        cardId,
        keys.credentialPublicKey,
        card.certificate,
      );
  const memory = createNonVolatileMemory();
  const profile = {
    ...{ cardId, kind, suite, modes, deployment, tenant, keys },
    anchorPublicKey: operator.anchors[suite] ?? new Uint8Array(0),
    certificate: issued?.certificate ?? new Uint8Array(0),
    ...(shared ? { keyVersion: KEY_VERSION } : {}),
    ...(clock === undefined ? {} : { clock }),
  };
  const made = createCard(profile, { random, nonVolatile: memory });
  const device = kind === "SD" ? { ...made, transmit: made.transmitBlocks } : made;
  const credential =
    sharedKey === undefined
      ? { certificates: (issued?.chain ?? []).map((der) => encodeBase64Url(der)) }
      : { key: encodeHex(sharedKey), keyVersion: KEY_VERSION };
  return { device, memory, modes, kind, suite: suiteNamed(suite), credential };
}

async function addCard(base: FleetBase, options: CardOptions): Promise<FleetCard> {
  const { tenant, admin, suitesInUse } = base;
  const cardId = encodeHex(base.options.random(CARD_ID_BYTES)).toUpperCase();
  const card = await personalise(base, cardId, options);
  const { device, kind, suite, modes } = card;
  if (!suitesInUse.has(suite.name)) await addPlatformKey(base, suite.name);
  const applet = createCardApplet(connectCard({ device, kind }));
  await applet.select();
  const servicePublicKey = await applet.readServiceKey();
  const { challenge, token } = await admin.requestEnrolment({ tenant, cardId });
  const proof = await applet.provePossession(suite, requireBytes(challenge));
  await admin.enrolCard({
    tenant,
    cardId,
    kind,
    suite: suite.name,
    modes,
    servicePublicKey: encodeBase64Url(servicePublicKey),
    challenge,
    token,
    proof: encodeBase64Url(proof),
    ...card.credential,
  });
  const mode = modes.includes("encrypted") ? "encrypted" : "signed";
  return { cardId, kind, suite, mode, device, memory: card.memory, servicePublicKey };
}

async function addSubscriber(
  base: FleetBase,
  subscriber: SubscriberOptions,
): Promise<FleetSubscriber> {
  const { options, tenant, admin } = base;
  const { random } = options;
  const mncLength = subscriber.operator.length === 6 ? 3 : 2;
  const imsi = appendDigits(subscriber.operator, IMSI_DIGITS, random);
  const k = random(KEY_BYTES);
  const opc = random(KEY_BYTES);
  const { seqMs } = subscriber;
  const iccid = appendDigits("89", ICCID_DIGITS, random);
  const cloneAt = (seq: number): Usim => {
    const array = Array.from({ length: IND_COUNT }, () => seq);
    return createUsim({ imsi, iccid, k, opc, mncLength, seqMs: array });
  };
  const device = cloneAt(seqMs ?? 0);
  await admin.createSubscriber({
    tenant,
    imsi,
    mncLength,
    k: encodeHex(k),
    opc: encodeHex(opc),
  });
  return { imsi, device, cloneAt };
}

function appendDigits(
  prefix: string,
  length: number,
  random: (length: number) => Uint8Array,
): string {
  const digits = Array.from(random(length - prefix.length), (byte) => byte % 10);
  return prefix + digits.join("");
}

function requireBytes(text: string): Bytes {
  const bytes = decodeBase64Url(text);
  if (bytes === undefined) throw new Error("the platform sent no base64url");
  return bytes;
}
