/**
 * The catalog: what an operator enrols and decides. Every table has the tenant in it; secrets are
 * wrapped by the platform's vault before they come here (docs/storage-schema.md).
 */
import { sql } from "drizzle-orm";
import {
  check,
  customType,
  foreignKey,
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
} from "drizzle-orm/sqlite-core";

import { decodeBase64Url, encodeBase64Url } from "#protocol/bytes";
import type { LeaseTerms, MismatchAction, RuleClaims, RuleCondition } from "#protocol/rules";
import type { StepReport } from "#protocol/steps";
import type { SubscriberProfile } from "#protocol/subscriber-profile";
import type { ModeName, Strength, SuiteName } from "#protocol/suites";

/** Bun gives Uint8Array, D1 an array of numbers. */
const bytes = customType<{ data: Uint8Array; driverData: Uint8Array | number[] }>({
  dataType: () => "blob",
  fromDriver: (value) => Uint8Array.from(value),
});

/** DER certificates as a JSON array of base64url strings. */
const certificateList = customType<{ data: readonly Uint8Array[]; driverData: string }>({
  dataType: () => "text",
  toDriver: (list) => JSON.stringify(list.map(encodeBase64Url)),
  fromDriver: (value) => JSON.parse(value).map(decodeStored),
});

function decodeStored(encoded: string): Uint8Array {
  const decoded = decodeBase64Url(encoded);
  if (decoded === undefined) throw new Error("a stored certificate is not base64url");
  return decoded;
}

/**
 * Wrapping keys that rows may be under, of this catalog or of a single writer: from a key's first
 * use until the re-wrap job found nothing under it. The keys themselves are configuration.
 */
export const wrappingKeys = sqliteTable("wrapping_key", {
  /** 0: the one made from the master key. */
  id: integer("id").primaryKey(),
  /** 16 bytes that tell the key from another one with its id. */
  checkValue: bytes("check_value").notNull(),
});

/** An operator. */
export const tenants = sqliteTable("tenant", {
  tenant: text("tenant").primaryKey(),
});

const tenantColumn = () =>
  text("tenant")
    .notNull()
    .references(() => tenants.tenant);

/** The keys that vouch for platform keys, one a certificate suite. */
export const anchors = sqliteTable(
  "anchor",
  {
    tenant: tenantColumn(),
    suite: text("suite").$type<SuiteName>().notNull(),
    /** A point or a modulus, as the suite has it. */
    publicKey: bytes("public_key").notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenant, t.suite] })],
);

/** Root certificates of card issuers (RFC 5280, 6.1.1 (d)). */
export const cardRoots = sqliteTable(
  "card_root",
  {
    tenant: tenantColumn(),
    /** SHA-256 of the certificate, hex. */
    fingerprint: text("fingerprint").notNull(),
    position: integer("position").notNull(),
    /** DER. */
    certificate: bytes("certificate").notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenant, t.fingerprint] })],
);

/**
 * Signing keys of the platform; in use once the anchor's credential is there. A symmetric suite has
 * generations only: both halves of its keys are empty.
 */
export const platformKeys = sqliteTable(
  "platform_key",
  {
    tenant: tenantColumn(),
    suite: text("suite").$type<SuiteName>().notNull(),
    generation: integer("generation").notNull(),
    /** A point or a modulus, as the suite has it. */
    publicKey: bytes("public_key").notNull(),
    /** A scalar, or PKCS #8 for RSA; wrapped. */
    wrappedPrivateKey: bytes("wrapped_private_key").notNull(),
    credential: bytes("credential"),
  },
  (t) => [primaryKey({ columns: [t.tenant, t.suite, t.generation] })],
);

/** The lowest generation still valid; absent means 1. */
export const platformKeyFloors = sqliteTable(
  "platform_key_floor",
  {
    tenant: tenantColumn(),
    suite: text("suite").$type<SuiteName>().notNull(),
    floor: integer("floor").notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenant, t.suite] })],
);

export const cards = sqliteTable(
  "card",
  {
    tenant: tenantColumn(),
    cardId: text("card_id").notNull(),
    kind: text("kind", { enum: ["TF", "SD", "MTM"] }).notNull(),
    suite: text("suite").$type<SuiteName>().notNull(),
    /** Strongest first. */
    modes: text("modes", { mode: "json" }).$type<readonly ModeName[]>().notNull(),
    status: text("status", { enum: ["active", "revoked"] }).notNull(),
    /** A public key, or the 32 bytes that stand for a shared key; one card in all tenants. */
    pinnedKey: bytes("pinned_key").notNull().unique(),
    /** The shared key, wrapped; null in the certificate suites. */
    wrappedKey: bytes("wrapped_key"),
    /** Of the shared key; 0 in the certificate suites. */
    keyVersion: integer("key_version").notNull(),
    servicePublicKey: bytes("service_public_key").notNull(),
    /** Card first, then issuers without the root; none for a shared key. */
    certificates: certificateList("certificates").notNull(),
    /** Of the same chain, the root's last. */
    fingerprints: text("fingerprints", { mode: "json" }).$type<readonly string[]>().notNull(),
    /** Unix milliseconds (RFC 5280, 4.1.2.5). */
    notBefore: integer("not_before").notNull(),
    notAfter: integer("not_after").notNull(),
    /** What rules may name instead of the card. */
    groups: text("card_groups", { mode: "json" }).$type<readonly string[]>().notNull(),
    /** Whose card it is; null when nobody said. */
    company: text("company"),
  },
  (t) => [primaryKey({ columns: [t.tenant, t.cardId] })],
);

/** Keys that clients conceal the IMSI to. */
export const concealmentKeys = sqliteTable(
  "concealment_key",
  {
    tenant: tenantColumn(),
    /** 1 to 255; never used again after its key was destroyed. */
    id: integer("id").notNull(),
    /** 65 bytes. */
    publicKey: bytes("public_key").notNull(),
    /** 32 bytes, wrapped; null once destroyed. */
    wrappedPrivateKey: bytes("wrapped_private_key"),
  },
  (t) => [primaryKey({ columns: [t.tenant, t.id] })],
);

export const revokedCertificates = sqliteTable(
  "revoked_certificate",
  { tenant: tenantColumn(), fingerprint: text("fingerprint").notNull() },
  (t) => [primaryKey({ columns: [t.tenant, t.fingerprint] })],
);

export const subscribers = sqliteTable(
  "subscriber",
  {
    tenant: tenantColumn(),
    /** TS 23.003, 2.2. */
    imsi: text("imsi").notNull(),
    /** MCC and MNC (TS 23.003, 2.2). */
    operator: text("operator").notNull(),
    /** E.164 digits. */
    msisdn: text("msisdn"),
    status: text("status", { enum: ["active", "barred"] }).notNull(),
    /** The embedded subscriber directory; null when nothing is said of the number. */
    profile: text("profile", { mode: "json" }).$type<SubscriberProfile>(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant, t.imsi] }),
    index("subscriber_number").on(t.tenant, t.msisdn),
  ],
);

/** Authentication data of every algorithm, apart from its subscriber (TS 23.008, 3.1.1). */
export const auc = sqliteTable(
  "auc",
  {
    tenant: text("tenant").notNull(),
    imsi: text("imsi").notNull(),
    /** `embedded`, or the name of the connector to the centre that has the keys. */
    centre: text("centre").notNull(),
    /** A name of the table in #wasm/algorithms; at another centre, one of CENTRE_PROOFS. */
    algorithm: text("algorithm").notNull(),
    /** K, Ki, A-key or the secret of CHAP, wrapped; null where another centre has it. */
    wrappedKey: bytes("wrapped_key"),
    /** OPc (TS 35.206, 4.1) or TOPc (TS 35.231, 6.2), wrapped. */
    wrappedOperator: bytes("wrapped_operator"),
    /** SSD_A and SSD_B that the module was issued with, wrapped. */
    wrappedSsd: bytes("wrapped_ssd"),
    /** UIM_ID, 4 bytes (C.S0023, 3.4.16). */
    uimId: bytes("uim_id"),
    /** 2 bytes (TS 33.102, annex F and H). */
    amf: bytes("amf").notNull(),
    /** TS 33.102, C.1.1.1. */
    indBits: integer("ind_bits").notNull(),
    keyVersion: integer("key_version").notNull(),
    /** How many updates of SSD were ordered. */
    ssdUpdates: integer("ssd_updates").notNull(),
    /** The highest SEQ that another centre is known to have issued; only raised (I4). */
    seqFloor: integer("seq_floor").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant, t.imsi] }),
    foreignKey({
      columns: [t.tenant, t.imsi],
      foreignColumns: [subscribers.tenant, subscribers.imsi],
    }),
    index("auc_algorithm").on(t.tenant, t.algorithm, t.imsi),
    check("auc_key", sql`(${t.centre} = 'embedded') = (${t.wrappedKey} is not null)`),
  ],
);

/** One row a tenant with rules. */
export const ruleSets = sqliteTable("rule_set", {
  tenant: tenantColumn().primaryKey(),
  /** The version that decides; 0 before the first activation. */
  active: integer("active").notNull(),
  /** Decisions under an older version do not count. */
  floor: integer("floor").notNull(),
  /** The version that changes go into; above every other. */
  draft: integer("draft").notNull(),
  /** Raised by every change of the draft. */
  revision: integer("revision").notNull(),
});

/** Versions that were activated. */
export const ruleVersions = sqliteTable(
  "rule_version",
  {
    tenant: tenantColumn(),
    version: integer("version").notNull(),
    /** Unix milliseconds. */
    activatedAt: integer("activated_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenant, t.version] })],
);

/** A rule in the versions from `since` on and before `until`. */
export const bindingRules = sqliteTable(
  "binding_rule",
  {
    tenant: tenantColumn(),
    id: text("id").notNull(),
    since: integer("since").notNull(),
    /** Null: up to the draft. */
    until: integer("until"),
    /** The target: one of the two, or neither for all cards. */
    cardId: text("card_id"),
    cardGroup: text("card_group"),
    effect: text("effect", { enum: ["allow", "deny"] }),
    priority: integer("priority"),
    /** Without IMSI, range, number and IMEIs, which are wrapped together. */
    condition: text("condition", { mode: "json" }).$type<RuleCondition>().notNull(),
    claims: text("claims", { mode: "json" }).$type<RuleClaims>(),
    wrappedIdentities: bytes("wrapped_identities"),
    onMismatch: text("on_mismatch", { mode: "json" }).$type<MismatchAction>().notNull(),
    /** Null: what the subscriber's own module proves. */
    minimumStrength: text("minimum_strength").$type<Strength>(),
    /** Unix milliseconds. */
    validFrom: integer("valid_from"),
    validUntil: integer("valid_until"),
    lease: text("lease", { mode: "json" }).$type<LeaseTerms>(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant, t.id, t.since] }),
    index("binding_rule_card").on(t.tenant, t.cardId, t.id),
    check("binding_rule_target", sql`${t.cardId} is null or ${t.cardGroup} is null`),
  ],
);

/** The index of what the single writers report; not bound to a tenant row, so that none is lost. */
export const auditEvents = sqliteTable(
  "audit_event",
  {
    tenant: text("tenant").notNull(),
    writer: text("writer").notNull(),
    /** Without gaps per writer. */
    number: integer("number").notNull(),
    /** Unix milliseconds, by the writer's clock. */
    at: integer("at").notNull(),
    type: text("type").notNull(),
    cardId: text("card_id").notNull(),
    session: text("session").notNull(),
    reason: text("reason").notNull(),
    trail: text("trail", { mode: "json" }).$type<readonly StepReport[]>().notNull(),
    /** Of a decision by rules: what it was made from. */
    wrappedFacts: bytes("wrapped_facts"),
  },
  (t) => [
    primaryKey({ columns: [t.writer, t.number] }),
    index("audit_event_session").on(t.tenant, t.session),
    index("audit_event_card").on(t.tenant, t.cardId),
    index("audit_event_time")
      .on(t.tenant, t.at)
      .where(sql`${t.wrappedFacts} is not null`),
  ],
);
