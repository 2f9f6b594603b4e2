/** I8 to I16: locks, commits, secrets, the order of proof and state. */
import type { Fault } from "./fault.ts";

const SESSION = "tests/invariants/session.test.ts";
const LOCK = "tests/invariants/lock.test.ts";
const SECRETS = "tests/invariants/secrets.test.ts";
const CARD_OPENING = "edge/state/card-opening.ts";
const CARD_DECIDING = "edge/state/card-deciding.ts";
const EMBEDDED = "edge/access-authentication/authentication-centre/embedded.ts";
const AUTHENTICATE = "edge/access-authentication/authenticate.ts";
const CARD_AUTHENTICATION = "edge/secure-connection/card-authentication.ts";

export const DECISION_FAULTS: readonly Fault[] = [
  {
    invariant: "I8",
    what: "a failed authentication locks",
    source: "edge/state/card-judging.ts",
    find: "const nothing = { success: false, mismatch: undefined,",
    replace: 'const nothing = { success: false, mismatch: "lock" as const,',
    file: LOCK,
    test: "I8: a wrong answer, a refusal, a forged AUTS and a changed IMSI never lock",
  },
  {
    invariant: "I8",
    what: "a rule set that says refuse locks",
    source: CARD_DECIDING,
    find: 'return { mismatches, lock: mismatch === "lock" };',
    replace: "return { mismatches, lock: true };",
    file: LOCK,
    test: "I8: a rule set that says refuse does not lock",
  },
  {
    invariant: "I8",
    what: "a lock without a receipt is forgotten",
    source: CARD_OPENING,
    find: 'if (card.lockPhase === "issued") return { card, objection: "lock_unconfirmed" };',
    replace:
      'if (card.lockPhase === "issued") return { card: { ...card, lockPhase: "none" }, objection: "" };',
    file: LOCK,
    test: "I8: a lock without a receipt goes out again, beside the right SIM too, and SUCCESS never lifts it",
  },
  {
    invariant: "I9",
    what: "a card below its last receipt is believed",
    source: CARD_OPENING,
    find: 'if (proof.epoch < card.receiptEpoch) return { card, objection: "clone_suspected" };',
    replace: "",
    file: LOCK,
    test: "I9: a card that reports less than its last receipt, or more than was issued, gets no SUCCESS",
  },
  {
    invariant: "I10",
    what: "CK is not wiped",
    source: EMBEDDED,
    find: "    ck.fill(0);\n",
    replace: "",
    file: SECRETS,
    test: "I10: CK and IK are wiped before the vector leaves the centre",
  },
  {
    invariant: "I10",
    what: "IK is not wiped",
    source: EMBEDDED,
    find: "    ik.fill(0);\n",
    replace: "",
    file: SECRETS,
    test: "I10: CK and IK are wiped before the vector leaves the centre",
  },
  {
    invariant: "I12",
    what: "the bytes sent are not stored",
    source: CARD_DECIDING,
    find: '    saveReply(sql, object, session, reply);\n    saveSession(sql, object, { ...session, phase: "delivered" });',
    replace: '    saveSession(sql, object, { ...session, phase: "decided" });',
    file: SESSION,
    test: "I12: the bytes sent are stored and sent again",
  },
  {
    invariant: "I12",
    what: "the epoch is not part of the commit",
    source: CARD_DECIDING,
    find: '    epoch,\n    lockPhase: lock ? "issued" : card.lockPhase,',
    replace: '    lockPhase: lock ? "issued" : card.lockPhase,',
    file: SESSION,
    test: "I12: decision, epoch and audit event are one commit, durable before the answer leaves",
  },
  {
    invariant: "I12",
    what: "a decision is made anew after a crash",
    source: "edge/state/card-answering.ts",
    find: 'if ("decided" in begun.value) return decideSession(context, begun.value.decided, undefined);',
    replace:
      'if ("decided" in begun.value) {\n    saveSession(context.sql, context.object, { ...begun.value.decided, phase: "answering" });\n    return decideSession(context, begun.value.decided, { kind: "refused", reason: "anew" });\n  }',
    file: SESSION,
    test: "I12: killed between commit and signature, the same body is signed again",
  },
  {
    invariant: "I13",
    what: "a rule keeps its IMSI in clear",
    source: "edge/binding-verification/sealed-rules.ts",
    find: "condition: attributes,",
    replace: 'condition: { ...attributes, homeRegion: imsi ?? "" },',
    file: SECRETS,
    test: "I13: no secret is in a database file, a log line or a response",
  },
  {
    invariant: "I13",
    what: "secrets are stored as they are",
    source: "edge/vault.ts",
    find: "const ciphertext = concatBytes(cipher.update(secret), cipher.final());",
    replace: "const ciphertext = concatBytes(secret);",
    file: SECRETS,
    test: "I13: no secret is in a database file, a log line or a response",
  },
  {
    invariant: "I13",
    what: "the IMSI is readable in an object name",
    source: AUTHENTICATE,
    find: "return `${tenant}:${encodeHex(subscriberMac(vault, tenant, imsi))}#${slot}`;",
    replace: "return `${tenant}:${imsi}${encodeHex(subscriberMac(vault, tenant, imsi))}#${slot}`;",
    file: SECRETS,
    test: "I13: no secret is in a database file, a log line or a response",
  },
  {
    invariant: "I14",
    what: "a bad proof reaches the card's writer",
    source: CARD_AUTHENTICATION,
    find: 'return proven ? success({ h1, mac }) : failure("proof_invalid");',
    replace: 'return proven || h1.length > 0 ? success({ h1, mac }) : failure("proof_invalid");',
    file: SESSION,
    test: "I14: before the card's proof verifies no writer is called, created or changed",
  },
  {
    invariant: "I14",
    what: "an unknown card is answered in its own way",
    source: "edge/wire-error.ts",
    find: 'card_unknown: "card_not_authenticated"',
    replace: 'card_unknown: "not_found"',
    file: SESSION,
    test: "I14: an unknown card is answered like a known one with a wrong proof",
  },
  {
    invariant: "I14",
    what: "a revoked certificate still proves",
    source: CARD_AUTHENTICATION,
    find: 'if (card.chainRevoked) return "certificate_revoked";',
    replace: "",
    file: SESSION,
    test: "I14: a revoked card, and one whose certificate is revoked or out of date, is not authenticated",
  },
  {
    invariant: "I14",
    what: "one caller uses up the calls of all",
    source: "edge/routes/bindings.ts",
    find: 'unproven.take(`${step} ${c.env?.address ?? ""}`)',
    replace: "unproven.take(step)",
    file: "tests/platform/rate-limit.test.ts",
    test: "I14: unproven calls are limited by address, so nobody shuts out another's card",
  },
  {
    invariant: "I16",
    what: "the nonce of a wrapping is constant",
    source: "edge/vault.ts",
    find: "const nonce = random(GCM_NONCE_BYTES);",
    replace: "const nonce = new Uint8Array(GCM_NONCE_BYTES);",
    file: SECRETS,
    test: "I16: what decides key and nonce is all random, and all of it is fresh each time",
  },
  {
    invariant: "I16",
    what: "key and nonce follow from the row, so a retry repeats them",
    source: "edge/vault.ts",
    find: "const salt = random(WRAP_SALT_BYTES);\n    const nonce = random(GCM_NONCE_BYTES);",
    replace:
      'const salt = mac("salt", encodeAscii(context)).subarray(0, WRAP_SALT_BYTES);\n    const nonce = mac("nonce", encodeAscii(context)).subarray(0, GCM_NONCE_BYTES);',
    file: SECRETS,
    test: "I16: no two wrappings share a key and a nonce, whatever they wrap",
  },
];
