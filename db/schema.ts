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
import type { StepReport } from "#protocol/steps";
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
  },
  (t) => [primaryKey({ columns: [t.tenant, t.imsi] })],
);

/** Authentication data of every algorithm, apart from its subscriber (TS 23.008, 3.1.1). */
export const auc = sqliteTable(
  "auc",
  {
    tenant: text("tenant").notNull(),
    imsi: text("imsi").notNull(),
    /** A name of the table in #wasm/algorithms. */
    algorithm: text("algorithm").notNull(),
    /** K, Ki, A-key or the secret of CHAP, wrapped. */
    wrappedKey: bytes("wrapped_key").notNull(),
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
  },
  (t) => [
    primaryKey({ columns: [t.tenant, t.imsi] }),
    foreignKey({
      columns: [t.tenant, t.imsi],
      foreignColumns: [subscribers.tenant, subscribers.imsi],
    }),
    index("auc_algorithm").on(t.tenant, t.algorithm, t.imsi),
  ],
);

/** One row a tenant with rules; every change of a rule raises the version. */
export const ruleSets = sqliteTable("rule_set", {
  tenant: tenantColumn().primaryKey(),
  version: integer("version").notNull(),
});

export const bindingRules = sqliteTable(
  "binding_rule",
  {
    tenant: tenantColumn(),
    id: text("id").notNull(),
    /** The target; null means all cards. */
    cardId: text("card_id"),
    /** The condition: exactly one of the two. */
    wrappedImsi: bytes("wrapped_imsi"),
    operator: text("operator"),
    onMismatch: text("on_mismatch", { enum: ["lock", "refuse"] }).notNull(),
    /** Null: what the subscriber's own module proves. */
    minimumStrength: text("minimum_strength").$type<Strength>(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant, t.id] }),
    index("binding_rule_card").on(t.tenant, t.cardId),
    check("binding_rule_condition", sql`(${t.wrappedImsi} is null) <> (${t.operator} is null)`),
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
  },
  (t) => [
    primaryKey({ columns: [t.writer, t.number] }),
    index("audit_event_session").on(t.tenant, t.session),
    index("audit_event_card").on(t.tenant, t.cardId),
  ],
);
