/**
 * The rows of the catalog as the platform reads them, and the repositories that keep them. One
 * method is one atomic unit: a synchronous transaction on bun:sqlite, one batch on D1.
 */
import type { AuditEventView, CardStatus, SubscriberStatus } from "#protocol/admin";
import type { BindingRule, RuleClaims, RuleCondition } from "#protocol/rules";
import type { SubscriberProfile } from "#protocol/subscriber-profile";
import type { CardKindName, ModeName, SuiteName } from "#protocol/suites";

export interface TenantRecord {
  readonly tenant: string;
  /** Who vouches for platform keys, by certificate suite; a point or a modulus. */
  readonly anchors: Readonly<Partial<Record<SuiteName, Uint8Array>>>;
  /** DER. */
  readonly cardRoots: readonly Uint8Array[];
}

export interface PlatformKeyRecord {
  readonly tenant: string;
  readonly suite: SuiteName;
  /** Counts up from 1 in each tenant and suite. */
  readonly generation: number;
  /** A point or a modulus; empty in a symmetric suite, like the private half. */
  readonly publicKey: Uint8Array;
  /** A scalar, or PKCS #8 for RSA; wrapped. */
  readonly wrappedPrivateKey: Uint8Array;
  /** The platform key credential as the card sees it, once the anchor has signed. */
  readonly credential: Uint8Array | undefined;
}

/** The newest active key of a tenant's suite and the lowest generation still valid. */
export interface ActivePlatformKey extends PlatformKeyRecord {
  readonly credential: Uint8Array;
  readonly floor: number;
}

export interface CardRecord {
  readonly tenant: string;
  readonly cardId: string;
  readonly kind: CardKindName;
  readonly suite: SuiteName;
  /** Strongest first. */
  readonly modes: readonly ModeName[];
  readonly status: CardStatus;
  /** A public key, or the 32 bytes that stand for a shared key. */
  readonly pinnedKey: Uint8Array;
  /** The shared key, in the symmetric suites alone. */
  readonly wrappedKey: Uint8Array | undefined;
  /** Of the shared key; 0 in the certificate suites. */
  readonly keyVersion: number;
  /** 65 bytes. */
  readonly servicePublicKey: Uint8Array;
  /** Card first, then issuers without the root; DER. */
  readonly certificates: readonly Uint8Array[];
  /** SHA-256, hex, of each certificate of the chain, the root included. */
  readonly fingerprints: readonly string[];
  /** When every certificate of the chain is valid; Unix milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** What rules may name instead of the card. */
  readonly groups: readonly string[];
  /** Whose card it is, where somebody said so. */
  readonly company: string | undefined;
}

/** What may be said of a card at any time after its enrolment. */
export type CardDetails = Pick<CardRecord, "groups" | "company">;

/** The suite and the modes that a card takes part in, the strongest first. */
export type CardTerms = Pick<CardRecord, "suite" | "modes">;

/** A card, without its certificates, and what the registry knows against it at this moment. */
export interface RegisteredCard extends Omit<CardRecord, "certificates" | "fingerprints"> {
  /** One of its certificates has been revoked, or its root is no longer trusted. */
  readonly chainRevoked: boolean;
}

/** A card without its shared key. */
export type CardListing = Omit<
  CardRecord,
  "tenant" | "wrappedKey" | "certificates" | "fingerprints"
>;

export interface ConcealmentKeyRecord {
  readonly tenant: string;
  /** 65 bytes. */
  readonly publicKey: Uint8Array;
  readonly wrappedPrivateKey: Uint8Array;
}

export interface SubscriberRecord {
  readonly tenant: string;
  readonly imsi: string;
  /** MCC and MNC. */
  readonly operator: string;
  /** E.164 digits, where the operator gave them. */
  readonly msisdn: string | undefined;
  readonly status: SubscriberStatus;
  /** EMBEDDED_CENTRE, or the name of the connector to the centre that has the keys. */
  readonly centre: string;
  /** A name of the table in #wasm/algorithms; at another centre, one of CENTRE_PROOFS. */
  readonly algorithm: string;
  /** K, Ki, A-key or the secret of CHAP; absent where another centre has it. */
  readonly wrappedKey: Uint8Array | undefined;
  /** OPc or TOPc, where the algorithm has one. */
  readonly wrappedOperator: Uint8Array | undefined;
  /** SSD_A and SSD_B that the module was issued with, if it was. */
  readonly wrappedSsd: Uint8Array | undefined;
  /** Of a UIM with CAVE; 4 bytes. */
  readonly uimId: Uint8Array | undefined;
  /** 2 bytes; of a USIM. */
  readonly amf: Uint8Array;
  readonly indBits: number;
  /** Raised when the keys are replaced. */
  readonly keyVersion: number;
  /** How many updates of SSD were ordered. */
  readonly ssdUpdates: number;
  /** The highest SEQ that another centre is known to have issued; 0 when none is. */
  readonly seqFloor: number;
}

/** A subscriber with what the embedded directory says of its number. */
export interface SubscriberEntry extends SubscriberRecord {
  readonly profile?: SubscriberProfile | undefined;
}

/** A subscriber as it is to be from now on, and what it was when it was read. */
export interface SubscriberChange {
  readonly record: SubscriberRecord;
  readonly knownKeyVersion: number;
  /** Absent: customer data stays as it is. */
  readonly profile?: ProfileChange | undefined;
}

export interface ProfileChange {
  readonly known: SubscriberProfile | undefined;
  readonly next: SubscriberProfile | undefined;
}

/** The IMSIs of what was written; the others were changed by somebody else meanwhile. */
export interface SavedSubscribers {
  readonly inserted: ReadonlySet<string>;
  readonly updated: ReadonlySet<string>;
}

/** A subscriber without its keys. */
export type SubscriberListing = Omit<
  SubscriberEntry,
  "tenant" | "wrappedKey" | "wrappedOperator" | "wrappedSsd" | "uimId" | "ssdUpdates" | "seqFloor"
>;

/** What replaces the authentication data of a subscriber. */
export type SubscriberKeyRecord = Pick<
  SubscriberRecord,
  "algorithm" | "wrappedKey" | "wrappedOperator" | "wrappedSsd" | "uimId"
>;

/** The authentication data of a subscriber at its next centre. */
export interface SubscriberMoveRecord
  extends SubscriberKeyRecord, Pick<SubscriberRecord, "centre" | "amf" | "indBits" | "seqFloor"> {
  /** As the subscriber was read with. */
  readonly knownKeyVersion: number;
}

/** A rule as it is kept: whatever names one person or terminal is wrapped. */
export interface StoredRule extends Omit<BindingRule, "condition" | "claims"> {
  readonly condition: Omit<RuleCondition, "imsi" | "imsiRange" | "msisdn">;
  readonly claims?: Omit<RuleClaims, "imeis"> | undefined;
  readonly wrappedIdentities?: Uint8Array | undefined;
}

export interface RuleSetState {
  /** The version that decides; 0 before the first activation. */
  readonly active: number;
  /** Decisions under an older version do not count. */
  readonly floor: number;
  /** The version that changes go into. */
  readonly draft: number;
  /** Raised by every change of the draft. */
  readonly revision: number;
}

export interface RuleVersion {
  readonly version: number;
  /** Unix milliseconds. */
  readonly activatedAt: number;
}

export interface RuleActivation {
  /** The draft that was looked at. */
  readonly revision: number;
  readonly at: number;
  /** Whether decisions under older versions stop counting at once. */
  readonly raisesFloor: boolean;
}

/** Rows after this key, in the order of keys. */
export interface Page {
  readonly after: string;
  readonly limit: number;
}

export interface AuditEvent extends AuditEventView {
  readonly tenant: string;
  /** Of a decision by rules: what it was made from, wrapped, base64url. */
  readonly facts?: string | undefined;
}

/** A wrapping key that rows may be under. */
export interface WrappingKeyRecord {
  readonly id: number;
  /** 16 bytes that tell the key from another one with its id. */
  readonly checkValue: Uint8Array;
}

/** The values of a row's key columns, in their order. */
export type RowKey = readonly (string | number)[];

/** A row of a table with wrapped columns. */
export interface WrappedRow {
  readonly key: RowKey;
  /** All of it, by the names of the schema. */
  readonly row: Readonly<Record<string, unknown>>;
  /** By column; without those that are null or empty. */
  readonly wrapped: ReadonlyMap<string, Uint8Array>;
}

export interface WrappedChange {
  readonly key: RowKey;
  readonly column: string;
  /** What the column must still hold. */
  readonly stale: Uint8Array;
  readonly fresh: Uint8Array;
}

export type InsertOutcome = "inserted" | "taken";

export interface Repositories {
  readonly tenants: {
    find(tenant: string): Promise<TenantRecord | undefined>;
    save(record: TenantRecord): Promise<void>;
  };
  readonly platformKeys: {
    /** Stores a key under the next generation and returns it. */
    create(
      key: Pick<PlatformKeyRecord, "tenant" | "suite" | "publicKey" | "wrappedPrivateKey">,
    ): Promise<number>;
    find(
      tenant: string,
      suite: SuiteName,
      generation: number,
    ): Promise<PlatformKeyRecord | undefined>;
    /** "taken" when the generation has a credential already or does not exist. */
    activate(
      tenant: string,
      suite: SuiteName,
      generation: number,
      credential: Uint8Array,
    ): Promise<InsertOutcome>;
    findActive(tenant: string, suite: SuiteName): Promise<ActivePlatformKey | undefined>;
    /** Raises the floor; never lowers it; "refused" above the newest active generation. */
    raiseFloor(tenant: string, suite: SuiteName, floor: number): Promise<"raised" | "refused">;
  };
  readonly cards: {
    find(tenant: string, cardId: string): Promise<RegisteredCard | undefined>;
    /**
     * For step 1. A card that is not registered has the terms of the one that comes next to
     * `stranger`, so that strangers are spread like the tenant's own cards; undefined when the
     * tenant has none. It costs the same either way.
     */
    findTerms(tenant: string, cardId: string, stranger: string): Promise<CardTerms | undefined>;
    /** "taken" when the card id or, in any tenant, the key is registered already. */
    insert(record: CardRecord): Promise<InsertOutcome>;
    setStatus(tenant: string, cardId: string, status: CardStatus): Promise<boolean>;
    setDetails(tenant: string, cardId: string, details: CardDetails): Promise<boolean>;
    /** In the order of card ids. */
    list(tenant: string, page: Page): Promise<CardListing[]>;
    hasGroup(tenant: string, group: string): Promise<boolean>;
    revokeCertificate(tenant: string, fingerprint: string): Promise<void>;
  };
  readonly concealmentKeys: {
    /** Stores a key under the next id and returns it; undefined when all 255 were used. */
    create(key: ConcealmentKeyRecord): Promise<number | undefined>;
    /** Undefined once destroyed. */
    find(tenant: string, id: number): Promise<ConcealmentKeyRecord | undefined>;
    destroy(tenant: string, id: number): Promise<boolean>;
  };
  readonly subscribers: {
    find(tenant: string, imsi: string): Promise<SubscriberRecord | undefined>;
    /**
     * The subscriber with one of these algorithms whose IMSI comes next, around the end to the
     * first; undefined when there is none.
     */
    findNeighbour(
      tenant: string,
      imsi: string,
      algorithms: readonly string[],
    ): Promise<Pick<SubscriberRecord, "imsi" | "algorithm" | "amf"> | undefined>;
    insert(record: SubscriberRecord): Promise<InsertOutcome>;
    /** Raises the key version; the SQN of its slots stays where it is. Embedded centre alone. */
    replaceKeys(tenant: string, imsi: string, keys: SubscriberKeyRecord): Promise<boolean>;
    /**
     * All of it at once, and the key version is raised; the floor of SEQ only rises. False when the
     * key version is no longer the known one.
     */
    move(tenant: string, imsi: string, next: SubscriberMoveRecord): Promise<boolean>;
    setNumber(tenant: string, imsi: string, msisdn: string | undefined): Promise<boolean>;
    /** False unless the subscriber has that algorithm. */
    orderSsdUpdate(tenant: string, imsi: string, algorithm: string): Promise<boolean>;
    setStatus(tenant: string, imsi: string, status: SubscriberStatus): Promise<boolean>;
    /** "no_number" of a subscriber without one: profiles are looked up by number. */
    setProfile(
      tenant: string,
      imsi: string,
      profile: SubscriberProfile | undefined,
    ): Promise<"set" | "no_number" | "absent">;
    /** Undefined when nothing is said of the number, or it is not one subscriber's alone. */
    findProfile(tenant: string, msisdn: string): Promise<SubscriberProfile | undefined>;
    /** Those of the IMSIs that are there, in any order. */
    findMany(tenant: string, imsis: readonly string[]): Promise<SubscriberEntry[]>;
    /** All in one unit. A change never touches the status and never lowers the floor of SEQ. */
    saveMany(
      inserts: readonly SubscriberEntry[],
      changes: readonly SubscriberChange[],
    ): Promise<SavedSubscribers>;
    /** In the order of IMSIs. */
    list(tenant: string, page: Page): Promise<SubscriberListing[]>;
  };
  readonly rules: {
    findState(tenant: string): Promise<RuleSetState>;
    /** The rules of one version that name this very card, in the order of ids. */
    findOwn(tenant: string, version: number, cardId: string): Promise<StoredRule[]>;
    /** Those for groups and for all cards, in the order of ids. */
    findShared(tenant: string, version: number, page: Page): Promise<StoredRule[]>;
    /** All of one version, in the order of ids. */
    list(tenant: string, version: number, page: Page): Promise<StoredRule[]>;
    /** Into the draft. */
    save(tenant: string, rule: StoredRule): Promise<void>;
    /** Out of the draft; false when it has no such rule. */
    remove(tenant: string, id: string): Promise<boolean>;
    /** The draft becomes the active version, which is returned; undefined when it has changed. */
    activate(tenant: string, activation: RuleActivation): Promise<number | undefined>;
    /**
     * The draft gets the rules of this version, and nothing else; its revision then, undefined for
     * a tenant that never had rules.
     */
    restore(tenant: string, version: number): Promise<number | undefined>;
    /** The newest first. */
    listVersions(tenant: string, limit: number): Promise<RuleVersion[]>;
  };
  readonly wrappingKeys: {
    list(): Promise<WrappingKeyRecord[]>;
    /** Keeps the check value that an id has already. */
    record(key: WrappingKeyRecord): Promise<void>;
    retire(ids: readonly number[]): Promise<void>;
  };
  readonly wrappedColumns: {
    /** Every table with wrapped columns, and those columns, by the names of the schema. */
    readonly tables: readonly { readonly table: string; readonly columns: readonly string[] }[];
    /** The next `limit` rows in the order of their keys, whatever they are wrapped with. */
    page(table: string, after: RowKey | undefined, limit: number): Promise<WrappedRow[]>;
    /** One unit; for each change, whether the column still held what it was to replace. */
    replace(table: string, changes: readonly WrappedChange[]): Promise<boolean[]>;
  };
  readonly audit: {
    /** At least once: an event with the same writer and number is kept once. */
    append(events: readonly AuditEvent[]): Promise<void>;
    find(
      tenant: string,
      by: { readonly session: string } | { readonly cardId: string },
      limit: number,
    ): Promise<AuditEvent[]>;
    /** Decisions by rules, the newest first. */
    findDecisions(tenant: string, limit: number): Promise<AuditEvent[]>;
  };
}
