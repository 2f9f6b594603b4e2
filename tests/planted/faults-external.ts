/** I4, I5, I6, I11, I13, I16, M3 and M13 where another centre has the keys. */
import type { Fault } from "./fault.ts";

const VECTORS = "edge/state/subscriber-vectors.ts";
const STORE = "edge/state/subscriber-store.ts";
const WRITER = "edge/state/subscriber-writer.ts";
const CONNECTION = "edge/access-authentication/authentication-centre/gsup/connection.ts";
const CLIENT = "edge/access-authentication/authentication-centre/gsup/client.ts";
const CODEC = "edge/access-authentication/authentication-centre/gsup/gsup.ts";
const RELAY = "edge/relay/relay.ts";
const EXTERNAL = "tests/centre/external.test.ts";
const GSUP = "tests/gsup/client.test.ts";
const RELAYED = "tests/gsup/relay.test.ts";

export const EXTERNAL_FAULTS: readonly Fault[] = [
  {
    invariant: "I4",
    what: "a fetched vector waits on after it was issued",
    source: VECTORS,
    find: 'sql.run("DELETE FROM slot_vector WHERE object = ? AND number = ?", object, number);',
    replace:
      'sql.all("SELECT * FROM slot_vector WHERE object = ? AND number = ?", object, number);',
    file: EXTERNAL,
    test: "one query serves five challenges, in the order of their SQN, and each answer counts",
  },
  {
    invariant: "I4",
    what: "the centre may repeat a RAND",
    source: VECTORS,
    find: " && !isRecentRand(sql, object, vector.rand)",
    replace: "",
    file: EXTERNAL,
    test: "I4: a RAND that the slot has issued is not issued again",
  },
  {
    invariant: "I4",
    what: "fetched vectors outlive a restore",
    source: VECTORS,
    find: "OR store_generation <> ?",
    replace: "OR ? < 0",
    file: EXTERNAL,
    test: "I4: a restore leaves none of them, since each may have been spent",
  },
  {
    invariant: "I5",
    what: "AUTS counts whatever the external centre says of it",
    source: WRITER,
    find: 'fetched.ok ? "resynchronised" : fetched.reason',
    replace: '"resynchronised"',
    file: EXTERNAL,
    test: "I5: it counts for the newest challenge alone, and with a right MAC-S",
  },
  {
    invariant: "I6",
    what: "a query to the centre that failed costs nothing",
    source: STORE,
    find: "WHERE object = ?1 AND at > ?2 AND NOT (sid = ?3 AND round = ?4)",
    replace: "WHERE object = ?1 AND at > ?2 AND sid = ?3 AND sid = ?4",
    file: EXTERNAL,
    test: "a query that failed counts; the same session asks again for the same one",
  },
  {
    invariant: "I11",
    what: "an order leaves the vectors that wait",
    source: WRITER,
    find: "      eraseVectors(this.sql, this.object);\n",
    replace: "",
    file: EXTERNAL,
    test: "I11: an order to bar it, and its withdrawal, erase what waits",
  },
  {
    invariant: "I13",
    what: "the vectors that wait are stored as they came",
    source: VECTORS,
    find: "vault.wrap(purpose, nameOf({ object, number: index }), plain)",
    replace: "plain.slice()",
    file: EXTERNAL,
    test: "I13: nothing of a vector is in a plain column, a log or a view",
  },
  {
    invariant: "I16",
    what: "the relay seals every answer to a question under one key",
    source: RELAY,
    find: "random(SALT_BYTES)",
    replace: "new Uint8Array(SALT_BYTES)",
    file: RELAYED,
    test: "I16: a relay that forgot its nonces seals no second answer under the key of the first",
  },
  {
    invariant: "M3",
    what: "vectors of another IMSI are taken",
    source: CONNECTION,
    find: "isOther ? undefined : state.asked.get(imsi)",
    replace: "isOther ? undefined : state.asked.values().next().value",
    file: GSUP,
    test: "centre_silent: another subscriber's vectors, and they go to nobody",
  },
  {
    invariant: "M3",
    what: "the lengths of a tuple do not count",
    source: CODEC,
    find: "value.length < lengths[0] || value.length > lengths[1] || ",
    replace: "",
    file: GSUP,
    test: "centre_answer_invalid: a tuple with a short RAND",
  },
  {
    invariant: "M3",
    what: "a wrong AUTS reads as an unknown subscriber",
    source: CLIENT,
    find: 'resynchronisation === undefined ? "imsi_unknown_at_centre" : "mac_failure"',
    replace: '"imsi_unknown_at_centre"',
    file: GSUP,
    test: "a wrong AUTS comes back as an unknown IMSI, and is mac_failure",
  },
  {
    invariant: "M3",
    what: "a connection that went silent is used on",
    source: CONNECTION,
    find: 'void expire(tools, answer.promise, ANSWER_MS, () => end("silent"));',
    replace:
      'void expire(tools, answer.promise, ANSWER_MS, () => answer.resolve(failure("silent")));',
    file: GSUP,
    test: "centre_silent: the name is still held; the old connection is closed before the next",
  },
  {
    invariant: "M13",
    what: "the relay answers a question again",
    source: RELAY,
    find: 'if (nonces.has(once)) return "replayed";',
    replace: "",
    file: RELAYED,
    test: "replayed: a question is answered once",
  },
  {
    invariant: "M13",
    what: "the relay does not look at the time of a question",
    source: RELAY,
    find: 'if (Math.abs(clock() - at) > SKEW_MS) return "out_of_time";',
    replace: "",
    file: RELAYED,
    test: "out_of_time: clocks are 31000 ms apart",
  },
];
