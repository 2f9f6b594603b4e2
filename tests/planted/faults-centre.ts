/** I2, I4, I5, I6, I8, I10 for every module kind: RANDs, SSD, dummies, strengths, the tag. */
import type { Fault } from "./fault.ts";

const AUTHENTICATE = "edge/access-authentication/authenticate.ts";
const FORM = "edge/access-authentication/challenge-form.ts";
const KEYS = "edge/access-authentication/authentication-centre/subscriber-keys.ts";
const VERIFICATION = "edge/access-authentication/authentication-centre/verification.ts";
const RULES = "edge/binding-verification/rule-verification.ts";
const COMPILED = "edge/binding-verification/compiled-rule.ts";
const CONTEXT = "edge/state/subscriber-context.ts";
const ISSUING = "edge/state/subscriber-issuing.ts";
const JUDGING = "edge/state/subscriber-judging.ts";
const STORE = "edge/state/subscriber-store.ts";
const ALGORITHMS = "tests/centre/algorithms.test.ts";
const SSD_UPDATE = "tests/centre/ssd-update.test.ts";
const DUMMIES = "tests/centre/dummies.test.ts";
const STRENGTH = "tests/centre/strength.test.ts";
const REPLACED = "tests/centre/keys.test.ts";

export const CENTRE_FAULTS: readonly Fault[] = [
  {
    invariant: "I2",
    what: "SRES count in any order",
    source: VERIFICATION,
    find: "equalBytes(value, expected[i] ?? new Uint8Array(0))",
    replace: "expected.some((each) => equalBytes(value, each))",
    file: ALGORITHMS,
    test: "I2: comp128-3, key of 16: an answer that is not whole, in place and right counts as wrong",
  },
  {
    invariant: "I2",
    what: "one right SRES of two is enough",
    source: VERIFICATION,
    find: "return right === expected.length;",
    replace: "return right > 0;",
    file: ALGORITHMS,
    test: "I2: comp128-3, key of 16: an answer that is not whole, in place and right counts as wrong",
  },
  {
    invariant: "I2",
    what: "a RES of 7 bytes counts",
    source: FORM,
    find: "randBytes: LENGTH.rand, answerBytesMin: 8 }",
    replace: "randBytes: LENGTH.rand, answerBytesMin: 4 }",
    file: STRENGTH,
    test: "a USIM's RES below 8 bytes never counts",
  },
  {
    invariant: "I2",
    what: "a USIM in the GSM context is worth a USIM",
    source: FORM,
    find: 'algorithm.family === "gsm" ? algorithm.proves : "SIM"',
    replace: "algorithm.proves",
    file: STRENGTH,
    test: "milenage in the GSM context is worth a SIM, and takes no SQN",
  },
  {
    invariant: "I2",
    what: "COMP128-1 binds under any rule",
    source: COMPILED,
    find: 'provisionedStrength === "COMP128-1" ? "SIM" : provisionedStrength',
    replace: "provisionedStrength",
    file: STRENGTH,
    test: "COMP128-1 binds only under a rule that names it",
  },
  {
    invariant: "I2",
    what: "a rule's strength is not asked for",
    source: COMPILED,
    find: "least === 0 ? RANKS[own] : least - 1",
    replace: "least === 0 ? RANKS[own] : RANKS[own]",
    file: STRENGTH,
    test: "a rule's strength is asked for, neither more nor less",
  },
  {
    invariant: "I2",
    what: "a tag that does not fit is overlooked",
    source: VERIFICATION,
    find: 'fits ? "proven_with_tag" : "response_mismatch"',
    replace: 'fits ? "proven_with_tag" : "proven"',
    file: STRENGTH,
    test: "milenage: a confirmation tag that does not fit is a wrong answer",
  },
  {
    invariant: "I2",
    what: "a tag that nobody can check is overlooked",
    source: VERIFICATION,
    find: 'return "tag_unverifiable";',
    replace: 'return "proven";',
    file: STRENGTH,
    test: "a centre that never releases CK and IK proves a USIM, and refuses every tag",
  },
  {
    invariant: "I2",
    what: "SSD of zeros is taken as issued",
    source: KEYS,
    find: 'if (role === "ssd" && isZero) return { column: name, reason: "ssd_of_zeros" };',
    replace: "",
    file: SSD_UPDATE,
    test: "SSD of zeros, which every fresh module has, proves nothing",
  },
  {
    invariant: "I2",
    what: "the old SSD outlives the new one",
    source: JUDGING,
    find: "{ ...state, wrappedSsd, doneOrder, offer: undefined }",
    replace: "{ ...state, doneOrder, offer: { ...offer, wrapped: wrappedSsd } }",
    file: SSD_UPDATE,
    test: "an update that was ordered comes once, and the old SSD is erased when the new one is proven",
  },
  {
    invariant: "I2",
    what: "an old answer takes the offer away",
    source: JUDGING,
    find: " && open.number >= offer.confirmNumber",
    replace: "",
    file: SSD_UPDATE,
    test: "an answer under the old SSD from before AUTHBS does not erase the offer",
  },
  {
    invariant: "I4",
    what: "the RANDs of one challenge may be the same",
    source: FORM,
    find: "!rands.some((other) => equalBytes(other, rand)) && ",
    replace: "",
    file: ALGORITHMS,
    test: "I4: comp128-3: a RAND among the last 1,024 of the subscriber is not drawn again",
  },
  {
    invariant: "I4",
    what: "a RAND is drawn again",
    source: FORM,
    find: " && !isRecent(rand)",
    replace: " && !(isRecent(rand) && rand.length === 0)",
    file: ALGORITHMS,
    test: "I4: cave: a RAND among the last 1,024 of the subscriber is not drawn again",
  },
  {
    invariant: "I4",
    what: "a challenge of replaced keys counts for the new ones",
    source: JUDGING,
    find: 'if (isOfOtherKeys(context, request, open)) return { outcome: "keys_replaced" };',
    replace: "",
    file: REPLACED,
    test: "I4: replaced keys raise the key version; the SQN goes on from where it was",
  },
  {
    invariant: "I5",
    what: "RANDBS for an older RANDSSD is taken",
    source: JUDGING,
    find: 'if (loadSlot(sql, object).challengeNumber !== open.number) return "randbs_not_newest";',
    replace: "",
    file: SSD_UPDATE,
    test: "I5: RANDBS counts once, and for the newest RANDSSD of the slot alone",
  },
  {
    invariant: "I5",
    what: "RANDBS is taken for any challenge",
    source: JUDGING,
    find: 'open.form !== "SSD update" || ',
    replace: "",
    file: ALGORITHMS,
    test: "cave, key of other: a refusal, AUTS or RANDBS out of place consume and prove nothing",
  },
  {
    invariant: "I5",
    what: "AUTHBS leaves for an offer that another one replaced",
    source: ISSUING,
    find: 'if (state.offer?.number !== before.number) return failure("ssd_superseded");',
    replace: 'if (state.offer === undefined) return failure("ssd_superseded");',
    file: SSD_UPDATE,
    test: "two offers without SSD behind them: the older one gets no AUTHBS",
  },
  {
    invariant: "I6",
    what: "a stranger has the form of nobody",
    source: AUTHENTICATE,
    find: 'neighbour?.algorithm ?? names[0] ?? ""',
    replace: 'names[0] ?? ""',
    file: DUMMIES,
    test: "I6: a stranger has the form of its neighbour, the same one each time",
  },
  {
    invariant: "I6",
    what: "a stranger has the AMF of nobody",
    source: AUTHENTICATE,
    find: "amf: neighbour?.amf",
    replace: "amf: neighbour && undefined",
    file: DUMMIES,
    test: "I6: milenage: unknown, barred, objected to and over quota look like a real challenge",
  },
  {
    invariant: "I6",
    what: "a dummy's AUTHBS has more than 18 bits",
    source: FORM,
    find: "i === 0 ? byte & SIGNATURE_FIRST_BYTE_MASK : byte",
    replace: "i < 0 ? byte & SIGNATURE_FIRST_BYTE_MASK : byte",
    file: DUMMIES,
    test: "the round after RANDBS has AUTHBS, in a dummy too",
  },
  {
    invariant: "I8",
    what: "a proof that is too weak locks",
    source: RULES,
    find: 'return refusal("strength_too_low", decided, "minimumStrength");',
    replace:
      'return { ...refusal("strength_too_low", decided, "minimumStrength"), action: "lock", isMismatch: true };',
    file: STRENGTH,
    test: "I8: a proof that is too weak refuses, and never locks",
  },
  {
    invariant: "I10",
    what: "CK and IK outlive the answer",
    source: STORE,
    find: ", wrapped_vector = NULL",
    replace: "",
    file: STRENGTH,
    test: "I10: CK and IK rest wrapped with XRES while the challenge is open, and nowhere after it",
  },
  {
    invariant: "I10",
    what: "CK and IK rest in the clear",
    source: CONTEXT,
    find: "dependencies.vault.wrap(purpose, context({ object, number }), plain)",
    replace: "dependencies && plain.slice(0, purpose.length + context({ object, number }).length)",
    file: STRENGTH,
    test: "I10: CK and IK rest wrapped with XRES while the challenge is open, and nowhere after it",
  },
];
