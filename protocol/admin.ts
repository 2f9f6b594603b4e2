/** The JSON envelopes of /v1/admin; byte strings are base64url, keys of subscribers are hex. */
import type { StepReport } from "./steps.ts";
import type { SubscriberProfile } from "./subscriber-profile.ts";
import type { CardKindName, ModeName, ModuleKindName, SuiteName } from "./suites.ts";

/** PUT /v1/admin/tenants/{tenant}: whom this operator trusts. */
export interface TenantSettings {
  /** The keys that vouch for platform keys, by certificate suite, each as element C1 has it. */
  readonly anchors: Readonly<Partial<Record<SuiteName, string>>>;
  /** Root certificates of card issuers, DER. */
  readonly cardRoots: readonly string[];
}

/**
 * POST /v1/admin/platform-keys: the platform makes a key pair and keeps the private half. In a
 * symmetric suite there is no key pair; the new generation is in use at once.
 */
export interface PlatformKeyRequest {
  readonly tenant?: string;
  readonly suite: SuiteName;
}

export interface PlatformKey {
  readonly generation: number;
  /** Empty in a symmetric suite. */
  readonly publicKey: string;
}

/** POST /v1/admin/concealment-keys: a key that clients conceal the IMSI to. */
export interface ConcealmentKeyRequest {
  readonly tenant?: string;
}

/** DELETE /v1/admin/concealment-keys/{id} destroys its private half. */
export interface ConcealmentKey {
  /** 1 to 255. */
  readonly id: number;
  /** 65 bytes, P-256. */
  readonly publicKey: string;
}

/** PUT /v1/admin/platform-keys/{generation}: the anchor's signature puts the key into use. */
export interface PlatformKeyActivation {
  readonly tenant?: string;
  readonly suite: SuiteName;
  /** Over credentialStatement, by the anchor of the suite. */
  readonly signature: string;
}

/** PUT /v1/admin/floor: generations below it are void from the next result on. */
export interface FloorUpdate {
  readonly tenant?: string;
  readonly suite: SuiteName;
  readonly floor: number;
}

/** POST /v1/admin/enrolments: a challenge for the proof of possession. */
export interface EnrolmentRequest {
  readonly tenant?: string;
  readonly cardId: string;
  /** Of an MTM card: its challenge is made for these keys. */
  readonly mtm?: MtmKeyNames;
}

export interface MtmKeyNames {
  /** Of a TPM that the operator trusts: the point of its P-256 endorsement key. */
  readonly endorsementKey: string;
  readonly attestationKey: string;
}

/** The answer for an MTM card; the challenge is what TPM2_ActivateCredential gives. */
export interface MtmEnrolmentChallenge {
  readonly credentialBlob: string;
  readonly encryptedSecret: string;
  /** What the platform authorises leases with, and the policy of the service key that follows. */
  readonly policyKey: string;
  readonly servicePolicy: string;
  readonly token: string;
}

export interface EnrolmentChallenge {
  readonly challenge: string;
  /** Returned with the card; names the challenge, the card and the tenant. */
  readonly token: string;
}

/** POST /v1/admin/cards. */
export type CardEnrolment = CertificateCardEnrolment | SharedKeyCardEnrolment | MtmCardEnrolment;

interface CardEnrolmentBase {
  readonly tenant?: string;
  readonly cardId: string;
  readonly kind: CardKindName;
  readonly suite: SuiteName;
  /** What the card can; all of the suite's unless given. The stronger one is used. */
  readonly modes?: readonly ModeName[];
  readonly servicePublicKey: string;
  readonly challenge: string;
  readonly token: string;
  /** The card's proof over enrolmentStatement. */
  readonly proof: string;
}

export interface CertificateCardEnrolment extends CardEnrolmentBase {
  /** The card's certificate first, then each issuer up to, not including, the root; DER. */
  readonly certificates: readonly string[];
}

export interface SharedKeyCardEnrolment extends CardEnrolmentBase {
  /** 16 bytes, hex; it never comes back. */
  readonly key: string;
  readonly keyVersion: number;
}

export interface MtmCardEnrolment extends CardEnrolmentBase {
  readonly kind: "MTM";
  readonly mtm: MtmKeyNames;
}

export type CardStatus = "active" | "revoked";

/**
 * Registry and writer together: `retired` is the registry's `revoked`, `lost` and `stolen` are
 * reports, `issued` is a card that has not yet proved itself in a session.
 */
export type CardState = "issued" | "active" | "lost" | "stolen" | "locked" | "retired";

/** GET /v1/admin/cards/{cardId}. */
export interface CardRecordView {
  readonly tenant: string;
  readonly cardId: string;
  readonly kind: CardKindName;
  readonly suite: SuiteName;
  readonly modes: readonly ModeName[];
  readonly status: CardStatus;
  readonly state: CardState;
  readonly groups: readonly string[];
  readonly company: string | null;
  /** Empty for a card with a shared key, which has a version instead. */
  readonly publicKey: string;
  readonly keyVersion: number;
  readonly servicePublicKey: string;
  readonly notBefore: string;
  readonly notAfter: string;
}

/** PUT /v1/admin/cards/{cardId}/status. */
export interface CardStatusUpdate {
  readonly tenant?: string;
  readonly status: CardStatus;
}

/** PUT /v1/admin/cards/{cardId}/details: what rules ask of a card; null: nobody's company. */
export interface CardDetailsUpdate {
  readonly tenant?: string;
  readonly groups: readonly string[];
  readonly company: string | null;
}

export const CARD_REPORTS = ["lost", "stolen"] as const;
export type CardReportReason = (typeof CARD_REPORTS)[number];

/**
 * POST /v1/admin/cards/{cardId}/orders. `by` names who orders it: one person for a report, two
 * different ones for what takes something back.
 */
export type CardOrderRequest = { readonly tenant?: string } & (
  | {
      readonly order: "report";
      readonly reason: CardReportReason;
      readonly by: readonly [string];
    }
  | { readonly order: "unlock" | "clear"; readonly by: readonly [string, string] }
);

/** POST /v1/admin/revocations: a certificate that no chain may use any more. */
export interface Revocation {
  readonly tenant?: string;
  /** SHA-256 of the certificate's DER, hex. */
  readonly fingerprint: string;
}

/**
 * Keys of a subscriber, hex; they never come back. Which of them an algorithm takes, and how long
 * they are, is in docs/operations.md.
 */
export interface SubscriberKeys {
  /** `milenage` unless given. */
  readonly algorithm?: string;
  /** Milenage, TUAK and XOR. */
  readonly k?: string;
  /** Milenage: exactly one of the two. */
  readonly op?: string;
  readonly opc?: string;
  /** TUAK: exactly one of the two. */
  readonly top?: string;
  readonly topc?: string;
  /** The algorithms of a SIM. */
  readonly ki?: string;
  /** CAVE. */
  readonly akey?: string;
  readonly uimId?: string;
  /** CAVE: SSD that the module was issued with; without both an update comes first. */
  readonly ssdA?: string;
  readonly ssdB?: string;
  /** CHAP. */
  readonly secret?: string;
}

/** The platform's own authentication centre, which holds the keys of its subscribers. */
export const EMBEDDED_CENTRE = "embedded";

/**
 * What a right answer proves of a subscriber at an external centre, which keeps key and algorithm
 * to itself; also its module kind, since a USIM proves USIM.
 */
export const CENTRE_PROOFS = ["USIM", "SIM", "COMP128-1"] as const;
export type CentreProof = (typeof CENTRE_PROOFS)[number];

/** POST /v1/admin/subscribers. */
export interface SubscriberEnrolment extends SubscriberKeys {
  readonly tenant?: string;
  /** `embedded` unless given; else the name of a configured centre, and no keys. */
  readonly centre?: string;
  /** Exactly where another centre has the keys. */
  readonly proves?: CentreProof;
  readonly imsi: string;
  /** Digits of the MNC inside the IMSI. */
  readonly mncLength: 2 | 3;
  /** E.164, 5 to 15 digits. */
  readonly msisdn?: string;
  /** USIM: two bytes; 0000 unless the card is to see another AMF. */
  readonly amf?: string;
  /** USIM: bits of IND in SQN (TS 33.102, C.1.1.1); 5 unless the profile differs. */
  readonly indBits?: number;
}

/** PUT /v1/admin/subscribers/{imsi}/keys: the key version is raised, SQN stays. */
export interface SubscriberKeyReplacement extends SubscriberKeys {
  readonly tenant?: string;
}

/**
 * PUT /v1/admin/subscribers/{imsi}/centre: who has the keys from now on. With `embedded` the body
 * has the keys; with the name of a configured centre it says what a right answer proves.
 */
export interface SubscriberMove extends SubscriberKeys {
  readonly tenant?: string;
  readonly centre: string;
  readonly proves?: CentreProof;
  /** USIM: two bytes, hex; what is there unless given. */
  readonly amf?: string;
  /** USIM: only of a subscriber whose keys were never here before. */
  readonly indBits?: number;
  /** USIM whose keys come here, and then required: the highest SQN that its centre has issued. */
  readonly sqn?: number;
  /** Who orders it. */
  readonly by: readonly [string];
}

export interface SubscriberMoved {
  readonly keyVersion: number;
  /** No higher one was issued here; keys that came here go on above it. Null: it has no SQN. */
  readonly sqn: number | null;
}

/** PUT /v1/admin/subscribers/{imsi}/number: null takes the number away. */
export interface SubscriberNumberUpdate {
  readonly tenant?: string;
  readonly msisdn: string | null;
}

/**
 * PUT /v1/admin/subscribers/{imsi}/profile: what the embedded subscriber directory says of the
 * subscriber's number; a conflict without one. Null: nothing any more.
 */
export interface SubscriberProfileUpdate {
  readonly tenant?: string;
  readonly profile: Partial<SubscriberProfile> | null;
}

/** GET of the same. */
export interface SubscriberProfileView {
  readonly profile: SubscriberProfile | null;
}

/** PUT /v1/admin/subscribers/{imsi}/ssd-update: new SSD at the next binding. CAVE alone. */
export interface SsdUpdateOrder {
  readonly tenant?: string;
}

export type SubscriberStatus = "active" | "barred";

/** GET /v1/admin/subscribers/{imsi}. */
export interface SubscriberView {
  readonly tenant: string;
  readonly imsi: string;
  readonly operator: string;
  readonly msisdn: string | null;
  readonly status: SubscriberStatus;
  readonly centre: string;
  /** Where another centre has the keys: what a right answer proves. */
  readonly algorithm: string;
  readonly moduleKind: ModuleKindName;
  readonly keyVersion: number;
}

/** PUT /v1/admin/subscribers/{imsi}/status. */
export interface SubscriberStatusUpdate {
  readonly tenant?: string;
  readonly status: SubscriberStatus;
}

/** POST /v1/admin/subscribers/{imsi}/orders. */
export type SubscriberOrderRequest = { readonly tenant?: string } & (
  | { readonly order: "report"; readonly reason: "swapped"; readonly by: readonly [string] }
  | { readonly order: "clear"; readonly by: readonly [string, string] }
);

/**
 * POST /v1/admin/rewrap: one step of a pass over every secret at rest. The first step of a pass, or
 * the one after that whose answer had the cursor.
 */
export type RewrapStepRequest =
  | {
      /** Counts, and changes nothing. */
      readonly check?: boolean;
      /** IND slots that were ever in use, when there were more than now. */
      readonly slots?: number;
    }
  | { readonly cursor: string };

export interface RewrapStep {
  /** For the next step; null at the end of the pass. */
  readonly cursor: string | null;
  /** Id of the key that wraps. */
  readonly newest: number;
  /** Secrets that this step looked at. */
  readonly seen: number;
  /** Of those, how many were under each older key, by its id. */
  readonly stale: Readonly<Record<string, number>>;
  /** Of those, how many are under the newest key now. */
  readonly rewrapped: number;
  /** Purpose and row of secrets that do not open under the key that they name. */
  readonly unreadable: readonly string[];
  /** Older keys that this pass, at its end, has found nothing under. */
  readonly retired: readonly number[];
  /** Keys that a start of the platform asks for. */
  readonly needed: readonly number[];
}

/** GET /v1/admin/audit?session=... or ?card=...: the newest events, in the order of time. */
export interface AuditEventView {
  readonly writer: string;
  readonly number: number;
  readonly at: number;
  readonly type: string;
  readonly cardId: string;
  readonly session: string;
  /** Why, in one word; only here, never on the wire. */
  readonly reason: string;
  readonly trail: readonly StepReport[];
}
