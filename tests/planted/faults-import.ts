/** I2, I4, I11, I13, I15 and M9: what an import may not do. */
import type { Fault } from "./fault.ts";

const FLOOR = "tests/import/sequence-floor.test.ts";
const BATCH = "tests/import/subscribers.test.ts";
const CARDS = "tests/import/cards.test.ts";
const DATA = "tests/import/customer-data.test.ts";
const ISSUING = "edge/state/subscriber-issuing.ts";
const IMPORT = "edge/subscriber-import.ts";

export const IMPORT_FAULTS: readonly Fault[] = [
  {
    invariant: "I4",
    what: "a floor of an import is not looked at",
    source: ISSUING,
    find: "const raised = raiseToFloor(slot, subscriber.seqFloor);",
    replace: "const raised = raiseToFloor(slot, subscriber.seqFloor * 0);",
    file: FLOOR,
    test: "I4: the first SQN after an import is above the floor",
  },
  {
    invariant: "I4",
    what: "a floor counts at every vector",
    source: ISSUING,
    find: "if (seqFloor <= slot.seqFloor) return slot;",
    replace: "",
    file: FLOOR,
    test: "I4: a floor counts once: a module far behind it is resynchronised for good",
  },
  {
    invariant: "I4",
    what: "an import lowers the floor",
    source: "db/subscriber-batches.ts",
    find: "sql`max(${auc.seqFloor}, ${changed.seqFloor})`",
    replace: "sql`${changed.seqFloor}`",
    file: FLOOR,
    test: "I4: a floor below what was issued moves nothing, and the catalog's never falls",
  },
  {
    invariant: "I11",
    what: "an old file lifts a bar",
    source: IMPORT,
    find: '...difference("status", known.status, row.status),',
    replace: "",
    file: BATCH,
    test: "an old file lifts no bar and moves no IND, --update or not",
  },
  {
    invariant: "I13",
    what: "keys that differ pass for the same",
    source: "edge/access-authentication/authentication-centre/subscriber-keys.ts",
    find: '...(equalBytes(key, knownKey) ? [] : nameOf("key")),',
    replace: "",
    file: BATCH,
    test: "a row that differs is a conflict, and with update it is taken",
  },
  {
    invariant: "I15",
    what: "a list of cards goes without the proof",
    source: "edge/enrolment.ts",
    find: 'if (!tools.verify(publicKey, statement, input.proof)) return failure("possession_unproven");\n  return success({\n    pinnedKey',
    replace: "return success({\n    pinnedKey",
    file: CARDS,
    test: "I15: a card without its proof is not taken, and is listed",
  },
  {
    invariant: "I15",
    what: "a registered card passes for another with the same id",
    source: "edge/card-import.ts",
    find: "equalBytes(parsed.value.publicKey, known.pinnedKey)",
    replace: "parsed.value.publicKey.length === known.pinnedKey.length",
    file: CARDS,
    test: "a registered card is never changed by a list",
  },
  {
    invariant: "I2",
    what: "a row without keys brings a subscriber in",
    source: IMPORT,
    find: "return read.ok ? undefined : read;",
    replace: "return undefined;",
    file: DATA,
    test: "a new subscriber wants its keys, unless another centre has them",
  },
  {
    invariant: "I2",
    what: "a list moves a subscriber to another centre",
    source: IMPORT,
    find: '...difference("centre", known.centre, row.centre),',
    replace: "",
    file: DATA,
    test: "keys stay, and the centre: a list moves nobody",
  },
  {
    invariant: "M9",
    what: "an empty cell leaves a group standing",
    source: "cli/import/source.ts",
    find: 'if (cell !== "" || column.emptyIsNone)',
    replace: 'if (cell !== "")',
    file: DATA,
    test: "bun: an export comes in again as nothing, and puts back what was changed since",
  },
  {
    invariant: "M9",
    what: "what nobody says of a number passes for having nothing",
    source: "edge/customer-data.ts",
    find: "next: isThere ? undefined : known,",
    replace: "next: isThere ? NO_DATA : known,",
    file: DATA,
    test: "known to have nothing is not the same as nothing known",
  },
  {
    invariant: "M9",
    what: "an import overwrites customer data that was set since it looked",
    source: "db/subscriber-batches.ts",
    find: "        hasProfile(changed.knownProfile),\n",
    replace: "",
    file: DATA,
    test: "changed_meanwhile: a profile that was set since is not overwritten, nor is the rest taken",
  },
];
