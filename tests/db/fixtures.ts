/** Records to keep, each with names and keys that no other test uses. */
import type { AuditEvent, CardRecord, Repositories, SubscriberRecord } from "#db/records";
import { encodeHex } from "#protocol/bytes";

export const SUITE = "P-256";
export const ROOT = Uint8Array.of(0x30, 0x01, 0xff);
export const ROOT_FINGERPRINT = encodeHex(new Bun.CryptoHasher("sha256").update(ROOT).digest());
export const LEAF_FINGERPRINT = "ab".repeat(32);
export const ISSUER_FINGERPRINT = "cd".repeat(32);

let serial = 0;
/** A name no other test uses. */
export const fresh = (prefix: string): string => `${prefix}${(serial += 1)}`;
export const cardIdOf = (number: number): string =>
  number.toString(16).toUpperCase().padStart(16, "0");
export const bytesOf = (length: number, fill: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 37 + fill) % 256);

export function makeCard(tenant: string, changes: Partial<CardRecord> = {}): CardRecord {
  serial += 1;
  const pinnedKey = bytesOf(65, 0);
  new DataView(pinnedKey.buffer).setUint32(1, serial);
  return {
    tenant,
    cardId: cardIdOf(serial),
    kind: "TF",
    suite: "P-256",
    modes: ["signed"],
    status: "active",
    pinnedKey,
    wrappedKey: undefined,
    keyVersion: 0,
    servicePublicKey: bytesOf(65, 9),
    certificates: [bytesOf(500, 1), bytesOf(0, 0)],
    fingerprints: [LEAF_FINGERPRINT, ISSUER_FINGERPRINT, ROOT_FINGERPRINT],
    notBefore: 0,
    notAfter: 253_402_300_799_000,
    groups: [],
    company: undefined,
    ...changes,
  };
}

export function makeSubscriber(tenant: string): SubscriberRecord {
  serial += 1;
  return {
    tenant,
    imsi: `00101${String(serial).padStart(10, "0")}`,
    operator: "00101",
    status: "active",
    centre: "embedded",
    algorithm: "milenage",
    msisdn: undefined,
    wrappedKey: bytesOf(69, 3),
    wrappedOperator: bytesOf(69, 200),
    wrappedSsd: undefined,
    uimId: undefined,
    amf: Uint8Array.of(0x00, 0xff),
    indBits: 5,
    keyVersion: 1,
    ssdUpdates: 0,
    seqFloor: 0,
  };
}

export function makeEvent(tenant: string, changes: Partial<AuditEvent> = {}): AuditEvent {
  const event = {
    tenant,
    writer: `card:${tenant}`,
    number: 1,
    at: 1_790_000_000_123,
    type: "binding",
    cardId: cardIdOf(1),
    session: "s",
    reason: "allowed",
    trail: [{ step: 311 as const, at: 5, outcome: "done" }],
  };
  return { ...event, ...changes };
}

/** A tenant that trusts ROOT. */
export async function saveTenant(repositories: Repositories): Promise<string> {
  const tenant = fresh("tenant-");
  const anchors = { "P-256": bytesOf(65, 4) };
  await repositories.tenants.save({ tenant, anchors, cardRoots: [ROOT] });
  return tenant;
}
