/** I2, I4, I11, I13 where a subscriber moves between authentication centres. */
import type { Fault } from "./fault.ts";

const MOVE = "edge/subscriber-move.ts";
const STATUS = "edge/state/subscriber-status.ts";
const JUDGING = "edge/state/subscriber-judging.ts";
const WRITER = "edge/state/subscriber-writer.ts";
const SLOTS = "tests/centre/move.test.ts";

export const MOVE_FAULTS: readonly Fault[] = [
  {
    invariant: "I2",
    what: "an answer that was right before the move is right after it",
    source: WRITER,
    find: 'isVoid ? { ...open.closed, outcome: "keys_replaced" } : open.closed',
    replace: "isVoid ? open.closed : open.closed",
    file: SLOTS,
    test: "a challenge of before, from there",
  },
  {
    invariant: "I2",
    what: "a move leaves the key version as it is",
    source: "db/subscribers.ts",
    find: 'indBits: sql`${sql.placeholder("indBits")}`,\n      keyVersion: sql`${auc.keyVersion} + 1`,',
    replace:
      'indBits: sql`${sql.placeholder("indBits")}`,\n      keyVersion: sql`${auc.keyVersion} + 0`,',
    file: SLOTS,
    test: "a challenge of before, from here",
  },
  {
    invariant: "I2",
    what: "a move replaces keys that are here by others",
    source: MOVE,
    find: 'if (isHere && !isSame) return failure("conflict");',
    replace: "",
    file: SLOTS,
    test: "keys of another module: refused by it, and put right as keys are",
  },
  {
    invariant: "I4",
    what: "what the other centre has issued is left to a floor that may have counted already",
    source: STATUS,
    find: "if (seq > before.seq) saveSlot(sql, object, { ...before, seq });",
    replace: "",
    file: SLOTS,
    test: "I4: also where a higher floor counted before, and the module took SEQ below it",
  },
  {
    invariant: "I4",
    what: "a slot that comes into use after the move begins at 1",
    source: "db/subscribers.ts",
    find: 'seqFloor: sql`max(${auc.seqFloor}, ${sql.placeholder("seqFloor")})`,',
    replace: "",
    file: SLOTS,
    test: "I4: at every slot, and at one that comes into use later",
  },
  {
    invariant: "I4",
    what: "IND bits of keys that were here before may change",
    source: MOVE,
    find: 'if (wereHere && indBits !== known.indBits) return failure("conflict");',
    replace: "",
    file: SLOTS,
    test: "IND bits are chosen once: SEQ is counted in them",
  },
  {
    invariant: "I4",
    what: "keys of a USIM come without the SQN of their centre",
    source: "edge/routes/subscriber-schemas.ts",
    find: "isUnfit || hasSqn !== (sqn !== undefined)",
    replace: "isUnfit || (!hasSqn && sqn !== undefined)",
    file: SLOTS,
    test: "malformed, and nothing is changed: no SQN",
  },
  {
    invariant: "I11",
    what: "a slot serves whoever read the record before the move",
    source: STATUS,
    find: 'keyVersion < status.keyVersion ? "keys_replaced" : undefined',
    replace: 'keyVersion < 0 ? "keys_replaced" : undefined',
    file: SLOTS,
    test: "I11: who read the record before the move gets neither a vector nor a word",
  },
  {
    invariant: "I11",
    what: "a record of before the move is judged by as if it were of now",
    source: JUDGING,
    find: "return keyVersion !== subscriber.keyVersion || isOutdated;",
    replace: "return keyVersion !== subscriber.keyVersion;",
    file: SLOTS,
    test: "I11: who read the record before the move gets neither a vector nor a word",
  },
  {
    invariant: "I11",
    what: "a move is acknowledged while words of before are good",
    source: STATUS,
    find: 'const endsWords = order.mark === "moved" ||',
    replace: 'const endsWords = order.mark === "sqn" ||',
    file: SLOTS,
    test: "the move is done when the words of before have run out",
  },
  {
    invariant: "I13",
    what: "the keys stay in the catalog when another centre has them",
    source: MOVE,
    find: "const next = { ...common, centre, algorithm, ...NO_STORED_KEYS };",
    replace: "const next = { ...known, ...common, centre, algorithm };",
    file: SLOTS,
    test: "I13: the keys leave the catalog, and the next vectors are the centre's",
  },
];
