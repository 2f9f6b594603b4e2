/**
 * Faults that one attack or another must find. planted.ts patches a copy of the source with all of
 * them at once; each is asleep until its turn.
 */

/** One place of the source, changed so that it asks which fault is active. */
export interface Patch {
  readonly source: string;
  /** Occurs once in `source`. */
  readonly find: string;
  readonly replace: string;
}

export interface HostileFault {
  /** What isPlanted is asked for. */
  readonly name: string;
  readonly what: string;
  /** The class of attacks that must notice. */
  readonly attack: string;
  /** The cell in which it is planted. */
  readonly cell: string;
}

const AES_SIGNED = "AES signed TF USIM/Milenage";
const P256_SIGNED = "P-256 signed SD USIM/TUAK";
const P256_ENCRYPTED = "P-256 encrypted TF USIM/Milenage";
const AES_ENCRYPTED = "AES encrypted SD USIM/Milenage";
const SIM_SIGNED = "SM4 signed TF SIM";
const UIM_SIGNED = "P-256 signed TF UIM";

const fault = (name: string, attack: string, cell: string, what: string): HostileFault => ({
  name,
  what,
  attack,
  cell,
});

export const HOSTILE_FAULTS: readonly HostileFault[] = [
  fault("T mac", "altered terms", AES_SIGNED, "T is taken without its MAC"),
  fault("offer", "weaker offers", AES_SIGNED, "an offer without the card's suite or mode will do"),
  fault("S2", "altered step 2", P256_SIGNED, "S2 is not verified"),
  fault("E_P", "altered request", P256_ENCRYPTED, "the card opens what the platform did not prove"),
  fault("any RES", "altered for or by the module", AES_SIGNED, "any RES of the right shape counts"),
  fault("another RES", "another RES", AES_SIGNED, "a guess counts as RES"),
  fault("swapped module", "swapped between steps", SIM_SIGNED, "another module's SRES counts"),
  fault("S3", "altered step 3", P256_SIGNED, "S3 is not verified"),
  fault("SIG_P", "altered result", P256_SIGNED, "the card takes a result that nobody proved"),
  fault("their result", "two cards", AES_SIGNED, "the card takes another card's result"),
  fault("receipt", "altered receipt", AES_SIGNED, "a receipt is taken unproven"),
  fault("serves early", "dropped", AES_SIGNED, "the card serves before it has a result"),
  fault("signs twice", "duplicated", AES_SIGNED, "the card signs a round's answer twice"),
  fault(
    "seals twice",
    "duplicated",
    AES_ENCRYPTED,
    "the card seals a second answer to a challenge",
  ),
  fault("answers again", "reordered", AES_SIGNED, "the card answers a round that is over"),
  fault("any sid", "replayed", AES_SIGNED, "T opens a session of another id"),
  fault("any T2", "two sessions", AES_SIGNED, "T2 opens any session of its card"),
  fault("one right", "two modules", SIM_SIGNED, "one right SRES of two will do"),
  fault("two fronts", "two points of presence", AES_SIGNED, "a session is opened by each front"),
  fault(
    "two bodies",
    "one session, two bodies",
    AES_SIGNED,
    "an opened session takes another body",
  ),
  fault("claim locks", "another IMSI", AES_SIGNED, "a claim that does not match locks the card"),
  fault("more RES", "RES of other shapes", SIM_SIGNED, "values behind the right ones are ignored"),
  fault("mac-s", "forged AUTS", AES_SIGNED, "AUTS is taken without its MAC-S"),
  fault("no end", "resynchronisation abused", AES_SIGNED, "a third AUTS gives a fourth challenge"),
  fault("no lease", "services without a lease", AES_SIGNED, "services need no lease"),
  fault("signs at rest", "step 3 given to SIGN", AES_SIGNED, "SIGN works on a card at rest"),
  fault("in place", "power cut between card writes", AES_SIGNED, "the kept record is overwritten"),
  fault("first stays", "START SESSION twice", AES_SIGNED, "a second START SESSION changes nothing"),
  fault("channels", "second logical channel", AES_SIGNED, "every channel is the basic one"),
  fault("serves on", "SELECT away and back", AES_SIGNED, "SELECT leaves the card serving"),
  fault("garbage locks", "garbage", P256_SIGNED, "a result that is none locks the card"),
  fault("resends", "SUCCESS held back", AES_SIGNED, "a stored SUCCESS is sent after the report"),
  fault("tells", "bad proofs for a victim", AES_SIGNED, "an unknown card is told so"),
  fault("floor", "old platform key", AES_SIGNED, "the card starts under a key below its floor"),
  fault("old T", "backup restored", AES_SIGNED, "tokens outlive a restore"),
  fault("no jump", "backup restored", AES_SIGNED, "SQN is issued again after a restore"),
  fault("unlock proof", "old unlocks and receipts", AES_SIGNED, "an unlock is taken unproven"),
  fault("RES locks", "another RES", P256_SIGNED, "a wrong answer locks the card"),
  fault("hidden", "another RES", AES_ENCRYPTED, "SUCCESS is decided, and nobody told"),
  fault("kind", "altered statement", AES_SIGNED, "the module kind of step 3 is not compared"),
  fault("any P1 P2", "altered headers", AES_SIGNED, "the card looks at no P1 and P2"),
  fault("lock in place", "power cut at lock and unlock", AES_SIGNED, "a lock is written in place"),
  fault("not stored", "same body around a kill", AES_SIGNED, "what was sent is not sent again"),
  fault("no counter", "one key stream twice", AES_ENCRYPTED, "the counter is not in the nonce"),
  fault("no reserve", "quotas drained", AES_SIGNED, "one subscriber's challenges go to anybody"),
  fault("many IMSIs", "quotas drained", SIM_SIGNED, "one card asks about any number of IMSIs"),
  fault("tag", "CK and IK as keys", AES_SIGNED, "any confirmation tag will do"),
  fault("told IMSI", "secrets in answers", AES_SIGNED, "the verdict names the IMSI"),
  fault("AUTHBS", "altered update of SSD", UIM_SIGNED, "the module takes any AUTHBS"),
];

const CARD_COMMANDS = "tests/emulators/card/binding-commands.ts";
const LEASE = "{ uses: 9, seconds: 9, services: 7, startedAtSeconds: undefined }";

export const PATCHES: readonly Patch[] = [
  // In workerd the Worker learns from its environment which fault is active.
  {
    source: "edge/compose-worker.ts",
    find: "  const known = compositions.get(env.DB);",
    replace:
      '  plantFault(String(env["SIMLATCH_PLANTED_FAULT"] ?? ""));\n' +
      "  const known = compositions.get(env.DB);",
  },
  {
    source: "edge/secure-connection/token.ts",
    find: "if (!equalBytes(mac, tokenMac(tools, kind, cardId, day, body))) return undefined;",
    replace:
      'if (!isPlanted("T mac") && !equalBytes(mac, tokenMac(tools, kind, cardId, day, body))) ' +
      "return undefined;",
  },
  {
    source: "edge/secure-connection/token.ts",
    find: "if (terms === undefined || encodeBase64Url(terms.sid) !== sid) return undefined;",
    replace:
      "if (terms === undefined) return undefined;\n" +
      '  if (encodeBase64Url(terms.sid) !== sid && !isPlanted("any T2")) return undefined;',
  },
  {
    source: "edge/secure-connection/token.ts",
    find: "`${kind} token ${storeGeneration} ${day}`",
    replace: '`${kind} token ${isPlanted("old T") ? 1 : storeGeneration} ${day}`',
  },
  {
    source: "edge/secure-connection/establish.ts",
    find: "if (!request.suites.includes(suite) || !request.modes.includes(mode)) {",
    replace:
      "const isOffered = request.suites.includes(suite) && request.modes.includes(mode);\n" +
      '  if (!isPlanted("offer") && !isOffered) {',
  },
  {
    source: "edge/secure-connection/card-authentication.ts",
    find: 'return proven ? success({ h1, mac }) : failure("proof_invalid");',
    replace: 'return proven || isPlanted("S2") ? success({ h1, mac }) : failure("proof_invalid");',
  },
  {
    source: "edge/secure-connection/card-authentication.ts",
    find: "encodeBase64Url(terms.sid) !== response.sid) {",
    replace: '(encodeBase64Url(terms.sid) !== response.sid && !isPlanted("any sid"))) {',
  },
  {
    source: "edge/secure-connection/critical-information.ts",
    find: "if (!isProvenByCard(connection, LABEL.answerProof, h3, proof)) return",
    replace:
      'if (!isPlanted("S3") && !isProvenByCard(connection, LABEL.answerProof, h3, proof)) return',
  },
  {
    source: "edge/secure-connection/critical-information.ts",
    find: 'return proven ? success(receipt) : failure("proof_invalid");',
    replace: 'return proven || isPlanted("receipt") ? success(receipt) : failure("proof_invalid");',
  },
  {
    source: "edge/access-authentication/authentication-centre/verification.ts",
    find: "right += isRight && value.length >= bytesMin ? 1 : 0;",
    replace:
      'const taken = isRight || isPlanted("any RES", "another RES", "swapped module");\n' +
      "    right += taken && value.length >= bytesMin ? 1 : 0;",
  },
  {
    source: "edge/access-authentication/authentication-centre/verification.ts",
    find: "return right === expected.length;",
    replace: 'return right === expected.length || (isPlanted("one right") && right > 0);',
  },
  {
    source: "edge/access-authentication/authentication-centre/verification.ts",
    find: "values.length !== expected.length) return false;",
    replace: '(values.length !== expected.length && !isPlanted("more RES"))) return false;',
  },
  {
    source: "edge/state/card-opening.ts",
    find: "if (begun !== undefined) {",
    replace: 'if (begun !== undefined && !isPlanted("two fronts", "two bodies")) {',
  },
  {
    source: "edge/state/card-judging.ts",
    find: '  return { ...nothing, reason, strength: "" };',
    replace:
      '  const locks = (isPlanted("claim locks") && reason === "imsi_changed") ||\n' +
      '    (isPlanted("RES locks") && reason === "response_mismatch");\n' +
      '  return { ...nothing, mismatch: locks ? "lock" : undefined, reason, strength: "" };',
  },
  {
    source: "edge/state/subscriber-judging.ts",
    find: 'if (sqnMs === undefined) return "mac_failure";',
    replace:
      'if (sqnMs === undefined) return isPlanted("mac-s") ? "resynchronised" : "mac_failure";',
  },
  {
    source: "edge/state/card-answering.ts",
    find: "session.round >= dependencies.limits.resynchronisations",
    replace: 'session.round >= (isPlanted("no end") ? 9 : dependencies.limits.resynchronisations)',
  },
  {
    source: "edge/state/card-orders.ts",
    find: 'return findSession(sql, object, sid)?.verdict === "SUCCESS";',
    replace:
      'return findSession(sql, object, sid)?.verdict === "SUCCESS" && !isPlanted("resends");',
  },
  {
    source: "edge/wire-error.ts",
    find: 'card_unknown: "card_not_authenticated",',
    replace:
      "get card_unknown(): ProblemCode {\n" +
      '    return isPlanted("tells") ? "not_found" : "card_not_authenticated";\n  },',
  },
  {
    source: "edge/state/subscriber-writer.ts",
    find: "slot.seq + restores * SEQ_RESTORE_JUMP",
    replace: 'slot.seq + (isPlanted("no jump") ? 0 : restores * SEQ_RESTORE_JUMP)',
  },
  {
    source: "edge/state/card-deciding.ts",
    find: "`RESULT=${decided.verdict} ",
    replace: '`RESULT=${isPlanted("hidden") ? "SUCCESS" : decided.verdict} ',
  },
  {
    source: "edge/state/card-answering.ts",
    find: "  const reply = findReply(sql, object, sid, digest);",
    replace:
      "  const kept = findReply(sql, object, sid, digest);\n" +
      '  const reply = isPlanted("not stored") ? undefined : kept;',
  },
  {
    source: "edge/state/card-deciding.ts",
    find: "const reply = encodeVerdict(connection.mode, session.verdict, encodeBase64Url(bytes));",
    replace:
      "const verdict = encodeVerdict(connection.mode, session.verdict, encodeBase64Url(bytes));\n" +
      "  const told = JSON.stringify({ ...JSON.parse(verdict), imsi: readSecrets(context, session).imsi });\n" +
      '  const reply = isPlanted("told IMSI") ? told : verdict;',
  },
  {
    source: "edge/state/card-answering.ts",
    find: "if (moduleKind !== session.moduleKind) return",
    replace: 'if (moduleKind !== session.moduleKind && !isPlanted("kind")) return',
  },
  {
    source: "edge/secure-connection/connection.ts",
    find: "(nonce[last] ?? 0) ^ number;",
    replace: '(nonce[last] ?? 0) ^ (isPlanted("no counter") ? 0 : number);',
  },
  {
    source: "tests/emulators/card/channel.ts",
    find: "writeCounter(number)",
    replace: 'writeCounter(isPlanted("no counter") ? 0 : number)',
  },
  {
    source: "edge/state/subscriber-writer.ts",
    find: "(!related && counts.unrelated >= open)",
    replace: '(!related && counts.unrelated >= open && !isPlanted("no reserve"))',
  },
  {
    source: "edge/state/card-opening.ts",
    find: "counts.imsis + newImsi > limits.imsisPerCardHour",
    replace: '(counts.imsis + newImsi > limits.imsisPerCardHour && !isPlanted("many IMSIs"))',
  },
  {
    source: "edge/access-authentication/authentication-centre/verification.ts",
    find: 'return fits ? "proven_with_tag" : "response_mismatch";',
    replace: 'return fits || isPlanted("tag") ? "proven_with_tag" : "response_mismatch";',
  },
  {
    source: "tests/emulators/sim/uim-commands.ts",
    find: "if (pending.authbs.toHex() !== data.toHex())",
    replace: 'if (pending.authbs.toHex() !== data.toHex() && !isPlanted("AUTHBS"))',
  },
  {
    source: "tests/emulators/card/commands.ts",
    find: "candidate.p1p2 === p1p2)",
    replace: 'candidate.p1p2 === p1p2 || (isPlanted("any P1 P2") && cla === CLA.proprietary))',
  },
  {
    source: CARD_COMMANDS,
    find: "if (!proofs.isPlatformProof(LABEL.keyAgreement, hk, agreement.proof)) return undefined;",
    replace:
      "const isAgreed = proofs.isPlatformProof(LABEL.keyAgreement, hk, agreement.proof);\n" +
      '  if (!isAgreed && !isPlanted("E_P")) return undefined;',
  },
  {
    source: CARD_COMMANDS,
    find: "return isProven ? { result, h4 }",
    replace: 'return isProven || isPlanted("SIG_P", "their result") ? { result, h4 }',
  },
  {
    source: CARD_COMMANDS,
    find: "if (!areEqual(result.cardId, context.cardId)) return false;",
    replace:
      'if (isPlanted("their result")) return true;\n' +
      "  if (!areEqual(result.cardId, context.cardId)) return false;",
  },
  {
    source: CARD_COMMANDS,
    find: "return { sw: SW.success, data: session.proofs.prove(LABEL.answerProof, h3) };",
    replace:
      `if (isPlanted("serves early")) context.ram.lease = ${LEASE};\n` +
      "  return { sw: SW.success, data: session.proofs.prove(LABEL.answerProof, h3) };",
  },
  {
    source: CARD_COMMANDS,
    find: "context.ram.session = answerRound(session, round, h3, answer.statement.mayContinue);",
    replace:
      'if (!isPlanted("signs twice"))\n    ' +
      "context.ram.session = answerRound(session, round, h3, answer.statement.mayContinue);",
  },
  {
    source: CARD_COMMANDS,
    find: "context.ram.session = answerRound(session, stage.round, h3, statement.mayContinue);",
    replace:
      'if (!isPlanted("seals twice"))\n    ' +
      "context.ram.session = answerRound(session, stage.round, h3, statement.mayContinue);",
  },
  {
    source: CARD_COMMANDS,
    find: "  context.ram.session = {\n    mode,",
    replace:
      "  const before = context.ram.session;\n" +
      '  const stays = before !== undefined && isPlanted("first stays");\n' +
      "  context.ram.session = stays ? before : {\n    mode,",
  },
  {
    source: CARD_COMMANDS,
    find: "if (proven === undefined || result === undefined) return { sw: SW.incorrectData };",
    replace:
      'if (proven === undefined && isPlanted("garbage locks"))\n    ' +
      "writeKept(context, { ...readKept(context), lockId: drawRandom(context, LENGTH.lockId) });" +
      "\n" +
      "  if (proven === undefined || result === undefined) return { sw: SW.incorrectData };",
  },
  {
    source: CARD_COMMANDS,
    find: "if (credential.generation < readKept(context).floor) return false;",
    replace:
      'if (credential.generation < readKept(context).floor && !isPlanted("floor")) return false;',
  },
  {
    source: CARD_COMMANDS,
    find: "if (!proofs.isPlatformProof(LABEL.unlock, hu, proven.proof)) {",
    replace:
      "const isUnlock = proofs.isPlatformProof(LABEL.unlock, hu, proven.proof);\n" +
      '  if (!isUnlock && !isPlanted("unlock proof")) {',
  },
  {
    source: "tests/emulators/card/session.ts",
    find: 'if (stage.name === "opened") return 0;',
    replace: 'if (stage.name === "opened" || isPlanted("answers again")) return 0;',
  },
  {
    source: "tests/emulators/card/services.ts",
    find: "const lease = currentLease(context);",
    replace:
      "const lease = currentLease(context) ?? " +
      `(isPlanted("no lease", "signs at rest") ? ${LEASE} : undefined);`,
  },
  {
    source: "tests/emulators/card/kept-record.ts",
    find: "newest.bank === 0 ? 1 : 0",
    replace: '(newest.bank === 0) !== isPlanted("in place", "lock in place") ? 1 : 0',
  },
  {
    source: "tests/emulators/card/apdu.ts",
    find: "if ((cla & CHANNEL_BITS) !== 0) return",
    replace: 'if ((cla & CHANNEL_BITS) !== 0 && !isPlanted("channels")) return',
  },
  {
    source: "tests/emulators/card/apdu.ts",
    find: "cla: header.cla & ~CLA.chaining",
    replace: 'cla: header.cla & ~CLA.chaining & ~(isPlanted("channels") ? CHANNEL_BITS : 0)',
  },
  {
    source: "tests/emulators/card/commands.ts",
    find: "  ram.lease = undefined;\n",
    replace: '  if (!isPlanted("serves on")) ram.lease = undefined;\n',
  },
];
