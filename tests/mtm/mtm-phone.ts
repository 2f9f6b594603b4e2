/** A phone whose card is a TPM: enrolled through the administration interface, bound by the SDK. */
import { decodeBase64Url, encodeBase64Url } from "#protocol/bytes";
import type { StepReport } from "#protocol/steps";
import type { Fleet, FleetSubscriber } from "#tests/fleet/fleet";
import { bind, type BindingOutcome } from "#terminal/bind";
import type { CardApplet } from "#terminal/card";
import { createMtmCard } from "#terminal/mtm-card";
import { proveMtmPossession, readMtmKeys } from "#terminal/mtm-enrolment";
import { createPlatformClient, type Fetch } from "#terminal/platform-client";
import type { TpmTransport } from "#terminal/tpm";

export interface Platform {
  readonly url: string;
  readonly fetch: Fetch;
  readonly now: () => number;
  readonly deployment: Uint8Array;
}

export interface MtmCardAtHand {
  readonly cardId: string;
  readonly card: CardApplet;
  readonly servicePublicKey: Uint8Array;
}

export interface MtmEnrolmentChanges {
  /** Of another TPM: what the operator believes. */
  readonly endorsementKey?: Uint8Array;
  readonly attestationKey?: Uint8Array;
  readonly servicePolicy?: Uint8Array;
  readonly challenge?: Uint8Array;
}

export function toBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = decodeBase64Url(text);
  if (bytes === undefined) throw new Error("not base64url");
  return bytes;
}

/** A TPM as a card of this fleet; `changes` makes the line lie. */
export async function enrolMtm(
  fleet: Fleet,
  { deployment }: Pick<Platform, "deployment">,
  tpm: TpmTransport,
  cardId: string,
  changes: MtmEnrolmentChanges = {},
): Promise<MtmCardAtHand> {
  const { tenant, admin } = fleet;
  const keys = { ...(await readMtmKeys(tpm, cardId)), ...changes };
  const mtm = {
    endorsementKey: encodeBase64Url(keys.endorsementKey),
    attestationKey: encodeBase64Url(keys.attestationKey),
  };
  const grant = await admin.requestMtmEnrolment({ tenant, cardId, mtm });
  const servicePolicy = changes.servicePolicy ?? toBytes(grant.servicePolicy);
  const possession = { deployment, tenant, cardId, servicePolicy };
  const proven = await proveMtmPossession(tpm, {
    ...possession,
    credentialBlob: toBytes(grant.credentialBlob),
    encryptedSecret: toBytes(grant.encryptedSecret),
  });
  await admin.enrolCard({
    tenant,
    cardId,
    kind: "MTM",
    suite: "P-256",
    servicePublicKey: encodeBase64Url(proven.servicePublicKey),
    challenge: encodeBase64Url(changes.challenge ?? proven.challenge),
    token: grant.token,
    proof: encodeBase64Url(proven.proof),
    mtm,
  });
  const policyKey = toBytes(grant.policyKey);
  const card = createMtmCard({ tpm, policyKey, ...possession });
  return { cardId, card, servicePublicKey: proven.servicePublicKey };
}

export interface MtmBinding {
  readonly outcome: BindingOutcome;
  readonly steps: readonly StepReport[];
}

export async function bindMtm(
  platform: Platform,
  fleet: Fleet,
  { cardId, card }: Pick<MtmCardAtHand, "cardId" | "card">,
  subscriber: FleetSubscriber,
): Promise<MtmBinding> {
  const { url: baseUrl, fetch, now } = platform;
  const steps: StepReport[] = [];
  const outcome = await bind({
    platform: createPlatformClient({ baseUrl, fetch, sleep: async () => undefined }),
    card,
    module: subscriber.connect(),
    cardId,
    tenant: fleet.tenant,
    suites: ["P-256"],
    modes: ["signed"],
    now,
    onStep: (step) => {
      steps.push(step);
    },
  });
  return { outcome, steps };
}
