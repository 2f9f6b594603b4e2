/**
 * An operator with its cards, subscribers and phones, made of the emulators and enrolled through
 * the administration interface alone. Time, randomness and the network come from the caller.
 */
import type { RuleUpdate } from "#protocol/admin";
import { type Bytes, decodeBase64Url, encodeBase64Url, encodeHex } from "#protocol/bytes";
import { DEFAULT_TENANT } from "#protocol/identifiers";
import { SUITES } from "#protocol/suites";
import { type Card, createCard } from "#tests/emulators/card/card";
import { generateCardKeys } from "#tests/emulators/card/keys";
import {
  createNonVolatileMemory,
  type SimulatedMemory,
} from "#tests/emulators/card/non-volatile-memory";
import type { CertificateOverrides } from "#tests/emulators/operator/certificate-authority";
import { createOperator, type Operator } from "#tests/emulators/operator/operator";
import { createUsim, type Usim } from "#tests/emulators/sim/usim";
import { createTerminal, type Tamper, type Terminal } from "#tests/emulators/terminal/terminal";
import { createCardApplet } from "#terminal/card";
import type { Fetch } from "#terminal/platform-client";
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

export interface FleetCard {
  readonly cardId: string;
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
  /** A new platform key, vouched for and in use; gives its generation. */
  addPlatformKey(): Promise<number>;
  addCard(overrides?: CertificateOverrides): Promise<FleetCard>;
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

const SUITE = "P-256";
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
  await admin.putTenant(tenant, {
    anchorPublicKey: encodeBase64Url(operator.anchorPublicKey),
    cardRoots: [encodeBase64Url(operator.rootCertificate)],
  });
  const base = { options, tenant, admin, operator };
  await addPlatformKey(base);
  return {
    tenant,
    admin,
    operator,
    addPlatformKey: () => addPlatformKey(base),
    addCard: (overrides) => addCard(base, overrides),
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
        ...(tamper === undefined ? {} : { tamper }),
      });
      await terminal.insertModule(subscriber.device);
      await terminal.insertCard(card.device);
      return terminal;
    },
  };
}

interface FleetBase {
  readonly options: FleetOptions;
  readonly tenant: string;
  readonly admin: AdminClient;
  readonly operator: Operator;
}

async function addPlatformKey({ tenant, admin, operator }: FleetBase): Promise<number> {
  const suite = SUITES.find((row) => row.name === SUITE)?.number ?? 0;
  const { generation, publicKey } = await admin.createPlatformKey({ tenant, suite: SUITE });
  const content = { generation, suite, publicKey: requireBytes(publicKey) };
  const signature = encodeBase64Url(await operator.signCredential(content));
  await admin.activatePlatformKey(generation, { tenant, suite: SUITE, signature });
  return generation;
}

async function addCard(base: FleetBase, overrides?: CertificateOverrides): Promise<FleetCard> {
  const { options, tenant, admin, operator } = base;
  const { random, deployment } = options;
  const cardId = encodeHex(random(CARD_ID_BYTES)).toUpperCase();
  const keys = await generateCardKeys({ random });
  const issued = await operator.issueCardCertificate(cardId, keys.credentialPublicKey, overrides);
  const memory = createNonVolatileMemory();
  const { anchorPublicKey } = operator;
  const { certificate } = issued;
  const profile = { cardId, deployment, tenant, anchorPublicKey, keys, certificate };
  const device = await createCard(profile, { random, nonVolatile: memory });
  const applet = createCardApplet(device);
  await applet.select();
  const servicePublicKey = await applet.readServiceKey();
  const { challenge, token } = await admin.requestEnrolment({ tenant, cardId });
  await admin.enrolCard({
    tenant,
    cardId,
    kind: "TF",
    certificates: issued.chain.map((der) => encodeBase64Url(der)),
    servicePublicKey: encodeBase64Url(servicePublicKey),
    challenge,
    token,
    proof: encodeBase64Url(await applet.provePossession(requireBytes(challenge))),
  });
  return { cardId, device, memory, servicePublicKey };
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
