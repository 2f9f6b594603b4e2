/** What is asked of the model: claims that must hold, and claims that must have a trace. */

export const MODES = { signed: 1, encrypted: 2, both: 3 } as const;
export type Mode = keyof typeof MODES;

export const INVARIANTS = ["i1", "i2", "i3", "i7", "i8", "i12"] as const;

export interface Check {
  /** `ltl` of binding.pml. */
  readonly claim: string;
  readonly mode: Mode;
  /** Macro of binding.pml; none: the protocol as it is. */
  readonly weakening?: string;
  readonly expected: "holds" | "trace";
  readonly says: string;
}

/** Proven: no run contradicts them. With both modes at once, the six in one search. */
const SOUND: readonly Check[] = [
  ...(["signed", "encrypted"] as const).flatMap((mode) =>
    INVARIANTS.map((claim) => ({ claim, mode, expected: "holds", says: "invariant" }) as const),
  ),
  { claim: "all", mode: "both", expected: "holds", says: "all six invariants" },
];

/** Runs that must exist, or the proofs would be empty. */
const WITNESSES: readonly Check[] = (
  [
    ["never_serves_signed", "signed", "SUCCESS, and the card serves"],
    ["never_locks", "signed", "FAILURE with the instruction, and the card locks"],
    ["never_serves_encrypted", "encrypted", "SUCCESS, and the card serves"],
    ["never_locks", "encrypted", "FAILURE with the instruction, and the card locks"],
    ["never_serves_signed", "both", "SUCCESS in signed mode"],
    ["never_serves_encrypted", "both", "SUCCESS in encrypted mode"],
  ] as const
).map(([claim, mode, says]) => ({ claim, mode, says, expected: "trace" }));

const WEAKENED: readonly Check[] = (
  [
    ["i1", "signed", "I1_UNBOUND", "a result names card and epoch, not nonce and transcript"],
    ["i1", "encrypted", "I1_UNBOUND", "the same, sealed under a key that outlives the session"],
    ["i1", "signed", "I1_CARD", "a result names nonce and epoch, not the card"],
    ["i1", "signed", "I1_FLOOR", "the card takes platform keys below its floor"],
    ["i1", "encrypted", "I1_KEY_AGREEMENT", "the card does not check the proof over hk"],
    ["i1", "signed", "PATENT", "RES alone is signed, and a result without a session"],
    ["i2", "signed", "I2_IMSI", "the IMSI of step 3 is not compared with step 2's"],
    ["i2", "encrypted", "I2_IMSI", "the IMSI of step 3 is not compared with step 2's"],
    ["i2", "signed", "I2_RULES", "rules are skipped"],
    ["i2", "signed", "I2_RENEWAL", "a renewal needs no answer of the module"],
    ["i3", "signed", "I3_SESSION_ID", "a session id stays good after its use"],
    ["i3", "encrypted", "I3_RAND", "a wrong answer leaves the RAND open"],
    ["i7", "both", "I7_MODE", "h1 does not hold the mode"],
    ["i7", "signed", "I7_BARE_RES", "the patent: a bare signature over RES"],
    ["i7", "encrypted", "I7_BARE_RES", "the same, sealed under a key of the card's"],
    ["i8", "signed", "I8_WRONG_ANSWER", "a wrong answer locks"],
    ["i8", "encrypted", "I8_UNVERIFIED", "a result that does not verify locks"],
    ["i12", "signed", "I12_SIGN_FIRST", "the result leaves before the commit"],
    ["i12", "encrypted", "I12_EPOCH_APART", "the epoch is raised after the commit"],
  ] as const
).map(([claim, mode, weakening, says]) => ({
  claim,
  mode,
  weakening: `WEAK_${weakening}`,
  expected: "trace",
  says,
}));

export const CHECKS: readonly Check[] = [...SOUND, ...WITNESSES, ...WEAKENED];
