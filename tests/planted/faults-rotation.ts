/** The wrapping keys: what the re-wrap job reaches, what it leaves to others, when it is done. */
import type { Fault } from "./fault.ts";

const JOB = "tests/rotation/job.test.ts";
const START = "tests/rotation/start.test.ts";
const COLUMNS = "tests/rotation/columns.test.ts";
const REWRAP = "edge/rewrap.ts";
const WRAPPING_KEYS = "edge/wrapping-keys.ts";
const BROKEN_OFF =
  "a pass that was broken off goes on at its cursor in another process, or begins anew";
const AT_THE_START =
  "bun: a start without a key that rows need ends with its id, before anything is served";

export const ROTATION_FAULTS: readonly Fault[] = [
  {
    invariant: "rotation",
    what: "the job skips a column of the catalog",
    source: "edge/wrappings.ts",
    find: '  describe("auc", "wrappedOperator", operatorConstantWrapping),\n',
    replace: "",
    file: COLUMNS,
    test: "every wrapped column of the catalog is in the table of wrappings, once",
  },
  {
    invariant: "rotation",
    what: "the job skips a column of a slot's writer",
    source: "edge/state/rewrapping.ts",
    find: '["wrapped_ssd", "wrapped_offer"] as const',
    replace: '["wrapped_ssd"] as const',
    file: COLUMNS,
    test: "every wrapped column of the writers is in theirs, once",
  },
  {
    invariant: "rotation",
    what: "the job does not go to the single writers",
    source: REWRAP,
    find: "state.list === undefined ? tables : [...tables, STATE_PART]",
    replace: "state.list === undefined ? [...tables] : tables",
    file: JOB,
    test: BROKEN_OFF,
  },
  {
    invariant: "rotation",
    what: "the job goes to one slot of a subscriber",
    source: REWRAP,
    find: "return Array.from({ length: slots }, (_, slot) =>",
    replace: "return Array.from({ length: Math.min(slots, 1) }, (_, slot) =>",
    file: JOB,
    test: "where writers cannot be listed, those of every card, subscriber and slot are asked",
  },
  {
    invariant: "rotation",
    what: "what the catalog replaces stays on its free pages",
    source: "db/bun.ts",
    find: "PRAGMA secure_delete = ON;",
    replace: "PRAGMA secure_delete = OFF;",
    file: "tests/rotation/load.test.ts",
    test: "bun: under load nothing is refused, and afterwards nothing opens with the old key",
  },
  {
    invariant: "rotation",
    what: "the job writes over what another hand has changed",
    source: "db/wrapped-columns.ts",
    find: '.where(and(isThisRow, eq(column, sql.placeholder("stale"))))',
    replace: ".where(and(isThisRow, eq(column, column)))",
    file: JOB,
    test: "keys that are replaced while the job holds the old ones are not lost",
  },
  {
    invariant: "rotation",
    what: "a destroyed key comes back",
    source: "db/wrapped-columns.ts",
    find: '.where(and(isThisRow, eq(column, sql.placeholder("stale"))))',
    replace: ".where(and(isThisRow))",
    file: JOB,
    test: "a key that is destroyed while the job holds it stays destroyed",
  },
  {
    invariant: "rotation",
    what: "a session under way brings the old key back",
    source: "edge/state/card-connection.ts",
    find: "secrets: refreshSecrets(dependencies, row, session.secrets)",
    replace: "secrets: row === sid ? refreshSecrets(dependencies, row, sid) : session.secrets",
    file: JOB,
    test: "a session that is under way while its secrets are re-wrapped brings no old key back",
  },
  {
    invariant: "rotation",
    what: "a secret gets the new key's id and keeps the old key",
    source: "edge/vault.ts",
    find: "const fresh = wrap(purpose, context, secret);",
    replace:
      "const fresh = wrapped.slice();\n    fresh.set([newest.id >> 8, newest.id & 0xff], 1);",
    file: JOB,
    test: BROKEN_OFF,
  },
  {
    invariant: "rotation",
    what: "half a pass ends the need for the old key",
    source: REWRAP,
    find: "const clean = pass.value.clean && isClean;",
    replace: "const clean = isClean;",
    file: JOB,
    test: "the rest of a pass that found something retires nothing, wherever it goes on",
  },
  {
    invariant: "rotation",
    what: "a check ends the need for the old key",
    source: REWRAP,
    find: "next === undefined && clean && !pass.value.check",
    replace: "next === undefined && clean",
    file: JOB,
    test: "--check counts and changes nothing, and retires nothing",
  },
  {
    invariant: "rotation",
    what: "what does not open is passed over",
    source: "edge/rewrap-counts.ts",
    find: "{ counts: { ...unreadable.counts, stale: stale.stale }, fresh }",
    replace: "{ counts: seen, fresh }",
    file: JOB,
    test: "what does not open is named, stays as it is, and keeps the old key needed",
  },
  {
    invariant: "rotation",
    what: "a start does not miss a key",
    source: WRAPPING_KEYS,
    find: 'if (own === undefined) return { reason: "wrapping_key_absent", id };',
    replace: "if (own === undefined) continue;",
    file: START,
    test: AT_THE_START,
  },
  {
    invariant: "rotation",
    what: "a start takes another key for the one with its id",
    source: WRAPPING_KEYS,
    find: "if (!equalBytes(own.checkValue, checkValue))",
    replace: "if (own.checkValue.length !== checkValue.length)",
    file: START,
    test: AT_THE_START,
  },
  {
    invariant: "rotation",
    what: "the master key passes for a new key",
    source: WRAPPING_KEYS,
    find: "if (others.some((other) => equalBytes(other.key, key.key)))",
    replace: "if (others.slice(1).some((other) => equalBytes(other.key, key.key)))",
    file: START,
    test: "a list with the master key as another is refused",
  },
  {
    invariant: "I13",
    what: "a card's record shows its shared key as it is kept",
    source: "edge/routes/admin-cards.ts",
    find: 'publicKey: card.keyVersion === 0 ? encodeBase64Url(card.pinnedKey) : "",',
    replace: "publicKey: encodeBase64Url(card.wrappedKey ?? card.pinnedKey),",
    file: "tests/invariants/write-only.test.ts",
    test: "I13: what was wrapped is in no answer of the administration, whichever route is asked",
  },
];
