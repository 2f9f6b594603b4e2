/** I2, I3, I7: who was proven to whom, once, in this session. */
import type { Fault } from "./fault.ts";

const SESSION = "tests/invariants/session.test.ts";
const CARD_OPENING = "edge/state/card-opening.ts";
const CARD_ANSWERING = "edge/state/card-answering.ts";
const SLOT = "edge/state/subscriber-writer.ts";
const VERIFICATION = "edge/access-authentication/authentication-centre/verification.ts";
const ECIES = "edge/suites/ecies.ts";
const TOKEN = "edge/secure-connection/token.ts";

export const SESSION_FAULTS: readonly Fault[] = [
  {
    invariant: "I2",
    what: "any RES of the right shape counts",
    source: VERIFICATION,
    find: "const isRight = equalBytes(value, expected[i] ?? new Uint8Array(0));",
    replace: "const isRight = value.length === expected[i]?.length;",
    file: SESSION,
    test: "I2: a wrong RES gets FAILURE, the right one SUCCESS",
  },
  {
    invariant: "I2",
    what: "a doubled RES counts",
    source: VERIFICATION,
    find: "values.length !== expected.length",
    replace: "values.length < expected.length",
    file: SESSION,
    test: "I2: RES of another length, empty, doubled or halved gets FAILURE or malformed",
  },
  {
    invariant: "I2",
    what: "a card that no rule names is allowed",
    source: "edge/binding-verification/rule-verification.ts",
    find: 'if (found === undefined) return refusal("no_rule_for_card", undefined, undefined);',
    replace: 'if (found === undefined) return { allowed: true, rule: "", lease: {} };',
    file: SESSION,
    test: "I2: without a rule that allows the pair there is no SUCCESS",
  },
  {
    invariant: "I3",
    what: "a consumed session id takes another body",
    source: CARD_OPENING,
    find: "if (begun !== undefined) {",
    replace: 'if (begun !== undefined && begun.phase === "opening") {',
    file: SESSION,
    test: "I3: a consumed session id gives the same bytes to the same body, nothing to another",
  },
  {
    invariant: "I3",
    what: "a second answer is taken after the decision",
    source: CARD_ANSWERING,
    find: 'if (!isBegun && session.phase !== "challenged") return failure("step_out_of_order");',
    replace: 'if (session.phase === "opening") return failure("step_out_of_order");',
    file: SESSION,
    test: "I3: an open RAND is answered at most once",
  },
  {
    invariant: "I3",
    what: "two copies of one step 2 each get a vector",
    source: SLOT,
    find: "if (known !== undefined) {",
    replace: "if (known !== undefined && known.number < 0) {",
    file: SESSION,
    test: "I3: one step 2 sent to two points of presence at once opens one session",
  },
  {
    invariant: "I3",
    what: "a session that was replaced is decided all the same",
    source: "edge/state/card-deciding.ts",
    find: 'if (card.currentSid !== session.sid) return failure("session_expired");',
    replace: "",
    file: "tests/bad-input/findings.test.ts",
    test: "I3: a session that a newer one replaces while it is being decided gets no SUCCESS",
  },
  {
    invariant: "I7",
    what: "a token does not name its card",
    source: TOKEN,
    find: "      encodeTlv(TAG.cardId, cardIdBytes(cardId)),\n      body,",
    replace: "      encodeTlv(TAG.cardId, cardIdBytes(cardId).fill(0)),\n      body,",
    file: SESSION,
    test: "I7: T2 renamed to another card calls no writer of that card",
  },
  {
    invariant: "I7",
    what: "T2 opens any session",
    source: TOKEN,
    find: "if (terms === undefined || encodeBase64Url(terms.sid) !== sid) return undefined;",
    replace: "if (terms === undefined) return undefined;",
    file: SESSION,
    test: "I7: T2 of one session opens no other session of the same card",
  },
  {
    invariant: "I7",
    what: "S3 is not verified",
    source: "edge/secure-connection/critical-information.ts",
    find: "if (!isProvenByCard(connection, LABEL.answerProof, h3, proof)) return",
    replace:
      "if (!isProvenByCard(connection, LABEL.answerProof, h3, proof) && h3.length === 0) return",
    file: SESSION,
    test: "I7: a step-3 proof of another session or over other bytes is refused, nothing consumed",
  },
  {
    invariant: "I7",
    what: "an IMSI is revealed that was concealed in another session",
    source: ECIES,
    find: "if (!equalBytes(sealed.mac, mac.subarray(0, MAC_BYTES))) return undefined;",
    replace: "",
    file: "tests/platform/concealed-imsi.test.ts",
    test: "a concealed IMSI is the subscriber's in its own session and tenant, else nobody's",
  },
];
