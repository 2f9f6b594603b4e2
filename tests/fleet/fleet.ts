/**
 * An operator with its cards, subscribers and phones, made of the emulators and enrolled through
 * the administration interface alone. Time, randomness and the network come from the caller.
 */
import type { RuleUpdate } from "#protocol/admin-rules";
import { type Bytes, decodeBase64Url, encodeBase64Url, encodeHex } from "#protocol/bytes";
import { DEFAULT_TENANT } from "#protocol/identifiers";
import {
  type AppletKindName,
  type ModeName,
  type Suite,
  suiteNamed,
  type SuiteName,
} from "#protocol/suites";
import { type Card, createCard } from "#tests/emulators/card/card";
import type { CardProfile } from "#tests/emulators/card/context";
import type { CertificateSuiteName } from "#tests/emulators/card/suites";
import { generateCardKeys } from "#tests/emulators/card/keys";
import {
  createNonVolatileMemory,
  type SimulatedMemory,
} from "#tests/emulators/card/non-volatile-memory";
import type { CertificateOverrides } from "#tests/emulators/operator/certificate-authority";
import { createOperator, type Operator } from "#tests/emulators/operator/operator";
import {
  connectModule,
  createTerminal,
  type Tamper,
  type Terminal,
} from "#tests/emulators/terminal/terminal";
import { createCardApplet } from "#terminal/card";
import type { Concealment } from "#terminal/conceal";
import type { IdentityModule } from "#terminal/module";
import type { Fetch } from "#terminal/platform-client";
import { type CardTransport, createSdTransport } from "#terminal/transport";
import { type AdminClient, createAdminClient } from "./admin-client.ts";
import {
  adapterOf,
  makeModuleKeys,
  proofOf,
  type ModuleDevice,
  type ModuleKeys,
  type SubscriberKind,
} from "./modules.ts";

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
  readonly kind?: AppletKindName;
  /** A card with a clock: seconds. */
  readonly clock?: { readonly now: () => number };
  readonly certificate?: CertificateOverrides;
}

export interface FleetCard {
  readonly cardId: string;
  readonly kind: AppletKindName;
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
  readonly kind: SubscriberKind;
  readonly device: ModuleDevice;
  /** As the centre was told. */
  readonly enrolment: ModuleKeys["enrolment"];
  /** Another USIM with the same keys whose SEQ_MS is `seq` everywhere: this one, later. */
  readonly cloneAt: (seq: number) => ModuleDevice;
  /** What drives the device. */
  readonly connect: () => IdentityModule;
  /** A module with the same IMSI and keys of its own. */
  readonly forge: () => FleetSubscriber;
}

interface SubscriberOptions {
  /** MCC and MNC, 5 or 6 digits. */
  readonly operator: string;
  /** USIM/Milenage unless given. */
  readonly kind?: SubscriberKind;
  /** SEQ_MS of every IND: how far ahead the USIM is of a new subscriber record. */
  readonly seqMs?: number;
  /** Another centre has the keys; the embedded one unless given. */
  readonly centre?: KeyHolder;
}

/** An external centre: its name at the platform, and how it takes a subscriber with its keys. */
export interface KeyHolder {
  readonly name: string;
  readonly provision: (imsi: string, keys: ModuleKeys["enrolment"]) => void | Promise<void>;
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
  /** A rule for this card, in use at once; its id is made here. */
  addRule(
    card: Pick<FleetCard, "cardId">,
    condition: RuleUpdate["condition"],
    onMismatch: RuleUpdate["onMismatch"],
  ): Promise<void>;
  /** A phone with both in their slots. */
  assemblePhone(
    card: FleetCard,
    subscriber: FleetSubscriber,
    tamper?: Tamper,
    claims?: { readonly imei: string },
  ): Promise<Terminal>;
}

const IMSI_DIGITS = 15;
const ICCID_DIGITS = 19;
const CARD_ID_BYTES = 8;

/** A fleet with its tenant registered and one platform key in use. */
export async function createFleet(options: FleetOptions): Promise<Fleet> {
  const { now, deployment, tenant = DEFAULT_TENANT } = options;
  const operator = createOperator({ now: new Date(now()), deployment, tenant });
  const admin = createAdminClient({
    baseUrl: options.platformUrl,
    adminKey: options.adminKey,
    fetch: options.fetch,
  });
  const base = { options, tenant, admin, operator, suitesInUse: new Set<SuiteName>() };
  await addPlatformKey(base, "P-256");
  const key = await admin.createConcealmentKey({ tenant });
  const concealment = { keyId: key.id, publicKey: requireBytes(key.publicKey) };
  /** One rule after the other: a draft that changed since it was looked through is a conflict. */
  let activated: Promise<void> = Promise.resolve();
  return {
    tenant,
    admin,
    operator,
    concealment,
    addPlatformKey: (suite = "P-256") => addPlatformKey(base, suite),
    addCard: (card = {}) => addCard(base, card),
    addSubscriber: (subscriber) => addSubscriber(base, subscriber),
    addRule: (...rule) => {
      const added = activated.then(() => addRule(base, ...rule));
      activated = added.catch(() => undefined);
      return added;
    },
    assemblePhone: async (card, subscriber, tamper, claims) => {
      const { platformUrl, fetch } = options;
      const terminal = createTerminal({
        platformUrl,
        tenant,
        fetch,
        now,
        concealment,
        random: options.random,
        ...(tamper === undefined ? {} : { tamper }),
        ...claims,
      });
      await terminal.insertModule(subscriber.device, adapterOf(subscriber.kind));
      await terminal.insertCard(card.device, card.kind);
      return terminal;
    },
  };
}

async function addRule(
  { options, tenant, admin }: FleetBase,
  ...[{ cardId }, condition, onMismatch]: Parameters<Fleet["addRule"]>
): Promise<void> {
  const id = `rule-${encodeHex(options.random(CARD_ID_BYTES))}`;
  await admin.putRule(id, { tenant, target: { card: cardId }, condition, onMismatch });
  await admin.activateRules({ tenant });
}

interface FleetBase {
  readonly options: FleetOptions;
  readonly tenant: string;
  readonly admin: AdminClient;
  readonly operator: Operator;
  /** Those that have a platform key. */
  readonly suitesInUse: Set<SuiteName>;
}

/** The tenant trusts the anchors and the issuers of the suites that it uses. */
async function trust({ tenant, admin, operator, suitesInUse }: FleetBase): Promise<void> {
  const suites = [...suitesInUse].filter(isCertificateSuite);
  const anchors = suites.map((suite) => [suite, encodeBase64Url(operator.anchors[suite])]);
  const roots = new Set(suites.map((suite) => operator.rootOf(suite)));
  await admin.putTenant(tenant, {
    anchors: Object.fromEntries(anchors),
    cardRoots: [...roots].map((root) => encodeBase64Url(root)),
  });
}

function isCertificateSuite(suite: SuiteName): suite is CertificateSuiteName {
  return suiteNamed(suite).credential === "certificate";
}

async function addPlatformKey(base: FleetBase, suite: SuiteName): Promise<number> {
  const { tenant, admin, operator, suitesInUse } = base;
  if (!suitesInUse.has(suite)) {
    suitesInUse.add(suite);
    await trust(base);
  }
  const { generation, publicKey } = await admin.createPlatformKey({ tenant, suite });
  if (!isCertificateSuite(suite)) return generation;
  const content = { generation, publicKey: requireBytes(publicKey) };
  const signature = encodeBase64Url(operator.signCredential(suite, content));
  await admin.activatePlatformKey(generation, { tenant, suite, signature });
  return generation;
}

/** How an SDK reaches the applet of a fleet's card. */
export function connectCard({ device, kind }: Pick<FleetCard, "device" | "kind">): CardTransport {
  return kind === "SD" ? createSdTransport(device) : device;
}

/** A card as its issuer hands it out: what is inside, and what the registry must be told. */
function personalise(base: FleetBase, cardId: string, card: CardOptions) {
  const { options, tenant, operator } = base;
  const { random, deployment } = options;
  const { suite = "P-256", modes = ["signed"], kind = "TF", clock } = card;
  const memory = createNonVolatileMemory();
  const common = {
    cardId,
    kind,
    suite,
    modes,
    deployment,
    tenant,
    ...(clock === undefined ? {} : { clock }),
  };
  const make = (profile: CardProfile): Card => {
    const made = createCard(profile, { random, nonVolatile: memory });
    return kind === "SD" ? { ...made, transmit: made.transmitBlocks } : made;
  };
  const rest = { memory, modes, kind, suite: suiteNamed(suite) };
  if (!isCertificateSuite(suite)) {
    const { key, keyVersion } = operator.createSharedKey();
    const keys = generateCardKeys(suite, { random }, { sharedKey: key });
    const nothing = new Uint8Array(0);
    const profile = { ...common, keys, keyVersion, anchorPublicKey: nothing, certificate: nothing };
    return { ...rest, device: make(profile), credential: { key: encodeHex(key), keyVersion } };
  }
  const keys = generateCardKeys(suite, { random });
  const { credentialPublicKey } = keys;
  const issued = operator.issueCardCertificate(
    suite,
    cardId,
    credentialPublicKey,
    card.certificate,
  );
  const { certificate } = issued;
  const profile = { ...common, keys, anchorPublicKey: operator.anchors[suite], certificate };
  const certificates = issued.chain.map((der) => encodeBase64Url(der));
  return { ...rest, device: make(profile), credential: { certificates } };
}

async function addCard(base: FleetBase, options: CardOptions): Promise<FleetCard> {
  const { tenant, admin, suitesInUse } = base;
  const cardId = encodeHex(base.options.random(CARD_ID_BYTES)).toUpperCase();
  const card = personalise(base, cardId, options);
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
  { operator, kind = "USIM/Milenage", seqMs = 0, centre }: SubscriberOptions,
): Promise<FleetSubscriber> {
  const { options, tenant, admin } = base;
  const { random } = options;
  const mncLength = operator.length === 6 ? 3 : 2;
  const imsi = appendDigits(operator, IMSI_DIGITS, random);
  const iccid = appendDigits("89", ICCID_DIGITS, random);
  const keys = makeModuleKeys(kind, random);
  await centre?.provision(imsi, keys.enrolment);
  const held = centre && { centre: centre.name, proves: proofOf(kind) };
  await admin.createSubscriber({ tenant, imsi, mncLength, ...(held ?? keys.enrolment) });
  const moduleWith = ({ create, enrolment }: ModuleKeys): FleetSubscriber => {
    const cloneAt = (seq: number): ModuleDevice => create({ imsi, iccid, mncLength }, seq);
    const forge = (): FleetSubscriber => moduleWith(makeModuleKeys(kind, random));
    const device = cloneAt(seqMs);
    const connect = (): IdentityModule => connectModule(device, adapterOf(kind), random);
    return { imsi, kind, device, enrolment, cloneAt, connect, forge };
  };
  return moduleWith(keys);
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
