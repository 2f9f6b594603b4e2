/**
 * Tables of the single writers. `object` is the writer's name; docs/storage-schema.md describes
 * all.
 */
import type { Sql } from "./sql.ts";

const STATEMENTS = [
  `CREATE TABLE IF NOT EXISTS card (
    object TEXT PRIMARY KEY,
    pinned_key BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    receipt_epoch INTEGER NOT NULL,
    lock_phase TEXT NOT NULL,
    lock_id BLOB,
    current_sid TEXT NOT NULL,
    store_generation INTEGER NOT NULL,
    mismatches INTEGER NOT NULL,
    rule_version INTEGER NOT NULL
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS card_session (
    object TEXT NOT NULL,
    sid TEXT NOT NULL,
    phase TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    terms TEXT NOT NULL,
    subscriber_mac BLOB NOT NULL,
    wrapped_secrets BLOB NOT NULL,
    transcript BLOB NOT NULL,
    previous BLOB NOT NULL,
    round INTEGER NOT NULL,
    round_expires_at INTEGER NOT NULL,
    objection TEXT NOT NULL,
    token TEXT NOT NULL,
    digest BLOB NOT NULL,
    verdict TEXT NOT NULL,
    word_expires_at INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    result BLOB NOT NULL,
    PRIMARY KEY (object, sid)
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS card_reply (
    object TEXT NOT NULL,
    sid TEXT NOT NULL,
    digest BLOB NOT NULL,
    body TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (object, sid, digest)
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS card_challenge (
    object TEXT NOT NULL,
    sid TEXT NOT NULL,
    round INTEGER NOT NULL,
    subscriber_mac BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (object, sid, round)
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS card_pair (
    object TEXT NOT NULL,
    subscriber_mac BLOB NOT NULL,
    number_mac BLOB,
    key_version INTEGER NOT NULL,
    PRIMARY KEY (object, subscriber_mac)
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS card_order (
    object TEXT PRIMARY KEY,
    report TEXT NOT NULL,
    revoked INTEGER NOT NULL,
    granted INTEGER NOT NULL,
    unlock_epoch INTEGER NOT NULL
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS slot (
    object TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    sqn_generation INTEGER NOT NULL,
    store_generation INTEGER NOT NULL,
    challenge_number INTEGER NOT NULL,
    seq_floor INTEGER NOT NULL,
    batch_asked_at INTEGER NOT NULL,
    batches_from INTEGER NOT NULL,
    batches INTEGER NOT NULL,
    batch_rands BLOB NOT NULL
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS slot_challenge (
    object TEXT NOT NULL,
    number INTEGER NOT NULL,
    sid TEXT NOT NULL,
    round INTEGER NOT NULL,
    form TEXT NOT NULL,
    challenge BLOB NOT NULL,
    key_version INTEGER NOT NULL,
    wrapped_vector BLOB,
    related INTEGER NOT NULL,
    at INTEGER NOT NULL,
    outcome TEXT,
    strength TEXT,
    digest BLOB,
    PRIMARY KEY (object, sid, round)
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS slot_rand (
    object TEXT NOT NULL,
    rand BLOB NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (object, rand)
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS slot_vector (
    object TEXT NOT NULL,
    number INTEGER NOT NULL,
    wrapped_vector BLOB NOT NULL,
    key_version INTEGER NOT NULL,
    store_generation INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (object, number)
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS slot_fetch (
    object TEXT NOT NULL,
    sid TEXT NOT NULL,
    round INTEGER NOT NULL,
    related INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (object, sid, round)
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS slot_ssd (
    object TEXT PRIMARY KEY,
    key_version INTEGER NOT NULL,
    wrapped_ssd BLOB,
    wrapped_offer BLOB,
    randbs BLOB,
    offer_number INTEGER NOT NULL,
    offer_order INTEGER NOT NULL,
    confirm_number INTEGER NOT NULL,
    done_order INTEGER NOT NULL,
    store_generation INTEGER NOT NULL
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS slot_status (
    object TEXT PRIMARY KEY,
    barred INTEGER NOT NULL,
    swapped INTEGER NOT NULL,
    words_until INTEGER NOT NULL,
    key_version INTEGER NOT NULL
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS outbox (
    object TEXT NOT NULL,
    number INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (object, number)
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS outbox_number (
    object TEXT PRIMARY KEY,
    number INTEGER NOT NULL
  ) WITHOUT ROWID`,
] as const;

/** Whether a writer was ever called on this storage. */
export function hasStateTables(sql: Sql): boolean {
  return sql.all("SELECT 1 FROM sqlite_master WHERE name = 'outbox'").length > 0;
}

export function createStateTables(sql: Sql): void {
  for (const statement of STATEMENTS) sql.run(statement);
}
