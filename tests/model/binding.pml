/*
 * Both flows of docs/protocol.md, section 5, against a client that owns the channel.
 *
 * Channel. There is none: section 1 says that the client carries everything, so it *is* the
 * channel. Every step of an honest party is one transition that the attacker triggers, as often and
 * in any order as that party allows, with any input he can build. Dropping is not triggering,
 * replaying is triggering again, splicing is taking an input from another session.
 *
 * Cryptography (sections 3.1 to 3.3) is symbolic and perfect. A hash is the tuple of what it
 * covers. A proof verifies if its key's owner made it over an equal tuple; the attacker owns the
 * key of card THEIRS, so for that card he makes any. A signed or sealed message is therefore kept
 * as the record of what its maker meant (the arrays below, by session), and verification compares
 * the record field by field with what the verifier expects. Sealing differs from signing in who can
 * read: RAND is known to the attacker once his own card opened it or OURS handed it out.
 * A weakened model (-DWEAK_...) leaves a field out of a comparison, or a step out of an order. The
 * invariants compare all fields, whatever the verifier did.
 *
 * Parties. Card OURS, honest; card THEIRS, whose key the attacker has. Module OURS (K secret, it
 * answers whom the terminal lets ask, a RAND of the centre once: the relay of README's limits is
 * *inside* the model); module THEIRS, K known. A platform key of generation 0 that was stolen, one
 * of generation 1 that was not; card OURS has floor 1. Rules: each card with its own module, and
 * lock on mismatch. Once, at any moment, an operator gives card OURS' rule another IMSI, of nobody
 * here.
 *
 * Reductions. What commutes is done in one order only, and bytes that every comparison treats alike
 * are one value; each place says so. In the protocol as it is no run is lost by that, only its
 * doubles; in a weakened one some attacks may be.
 *
 * Left out: time and quotas (any step may come late, so expiry only removes traces), dummies, AUTS
 * and RANDBS rounds (round is 0), the confirmation tag, unlock, orders, what a card says of its
 * state and epoch at START SESSION, receipts of card THEIRS, loss of power (I9), lease counting.
 * Suites are one: symbolic proofs are the same in all. A locked card starts no session.
 *
 * Bounds: SIDS session ids, NONCES sessions of card OURS. MODES 1 signed, 2 encrypted, 3 both,
 * chosen by the attacker for each session id and for each START SESSION.
 */
#ifndef MODES
#define MODES 3
#endif
/* The patent, paragraphs 54 to 74: a signature over RES alone, a result that names no session. */
#ifdef WEAK_PATENT
#define WEAK_I7_BARE_RES
#define WEAK_I1_UNBOUND
#endif
#define SIDS 2
#define NONCES 2
#ifdef WEAK_I3_SESSION_ID
#define RANDS 3
#else
#define RANDS 2
#endif

#define SIGNED 1
#define ENCRYPTED 2
#define HAS(mode) ((MODES & mode) != 0)
#define OURS 0 /* a card, an IMSI */
#define THEIRS 1
#define NONE 9

/* Phases of a session at the card's writer. T alone leaves no trace there. */
#define UNKNOWN 0
#define CHALLENGED 1
#define ANSWERING 2
#define DECIDED 3
#define DELIVERED 4
#define CLOSED 5

/* Answers (95): f(K, RAND) by number, or bytes that answer nothing. */
#define GARBAGE 1
#define RES(module, rand) (2 + 2 * (rand) + (module))

/* Step 312: T is a list of facts under the platform's MAC (section 4). */
bool open; /* all T are out */
byte tCard[SIDS];
byte tMode[SIDS];

/* The card's writer, by session id; all of it on disk. */
byte phase[SIDS];
byte pNonce[SIDS]; /* 8B of the proof that was accepted */
byte pImsi[SIDS]; /* step 2 */
byte pRand[SIDS];
byte pAnswerImsi[SIDS]; /* step 3 */
byte pAnswer[SIDS];
byte pVerdict[SIDS]; /* E5, as committed */
byte pLock[SIDS];
byte pEpoch[SIDS];
byte current[2] = NONE; /* by card: the newest session id consumed */
byte epoch[2];
byte audit[2]; /* events "decided" */
byte lockPhase; /* of card OURS: 0 none, 1 issued, 2 confirmed */
bool ruleOurs = true; /* card OURS beside module OURS */

/* A decision on its way to its commit, in the memory of one process. */
byte ram; /* 0, or session id + 1 */
bool ramSuccess;
bool ramLock;
bool ramRule;
bool ramSigned;

/* Results that left: SIG_P or the ciphertext over h4 and this body. */
bool sent[SIDS];
byte sentVerdict[SIDS];
byte sentLock[SIDS];
byte sentEpoch[SIDS];

/* The centre: one vector an opening. */
byte rands;
byte randImsi[RANDS];
byte randSid[RANDS];
bool randKnown[RANDS];

/* Card OURS: kept, then RAM, then what it proved, by its nonce (81 to 8D of h1, 90 to 95 of h3). */
byte cardEpoch;
bool locked;
byte now = NONE;
byte step; /* 1 opened, 2 challenged, 3 answered */
byte nonces;
byte cSid[NONCES];
byte cMode[NONCES];
bool cStolenKey[NONCES]; /* the platform at the other end is the attacker */
bool cAnswered[NONCES];
byte cRand[NONCES];
byte cImsi[NONCES];
byte cAnswer[NONCES];
byte cReceipt[NONCES]; /* the state in it (8D): 0 none, 1 idle, 2 serving, 3 locked */

/* What happened, for the invariants only. */
byte vectors[SIDS];
byte judged[RANDS];
bool proven[SIDS]; /* the card proved itself in this very session */
bool badI1, badI2, badI7, badI8;
#ifdef WEAK_I2_RENEWAL
bool renewed; /* card OURS got a SUCCESS before */
#define RENEW(s) renewed = renewed || (pVerdict[s] && tCard[s] == OURS)
#else
#define RENEW(s) skip
#endif

/*
 * Module OURS answers a RAND of the centre's for its IMSI as soon as the attacker has it: he may
 * always ask, and need not use the answer. To one for another IMSI it says 9862 (section 6).
 * Answers to other RANDs, of other modules, and refusals are one with GARBAGE: all the platform
 * does with an answer is to compare it.
 */
#define MODULE_ANSWERS(rand) (randKnown[rand] && randImsi[rand] == OURS)

/* Session id s at the platform and nonce n at card OURS are one session: h1 to h3. */
#define SAME_H1(s, n) \
  (tCard[s] == OURS && pNonce[s] == n && cSid[n] == s && tMode[s] == cMode[n])
#define SAME_H3(s, n) \
  (SAME_H1(s, n) && cRand[n] == pRand[s] && cImsi[n] == pAnswerImsi[s] && cAnswer[n] == pAnswer[s])
/* The module that has this IMSI's K answered the RAND of this session. */
#define MODULE_PROVED(s) \
  (pAnswer[s] == RES(pAnswerImsi[s], pRand[s]) && randSid[pRand[s]] == s && \
   (pAnswerImsi[s] == THEIRS || MODULE_ANSWERS(pRand[s])))
#define RULE_ALLOWS(card, imsi) (card == imsi && (card == THEIRS || ruleOurs))

/* ---- The platform ---- */

/*
 * Steps 311, 312: the platform keeps nothing of T, so the attacker may as well ask for all of them
 * first; session ids are drawn at random, so their order says nothing.
 */
#define ISSUE(s, c, m) \
  :: d_step { HAS(m) && !(s > 0 && (c < tCard[0] || (c == tCard[0] && m < tMode[0]))) -> \
       tCard[s] = c; tMode[s] = m; \
       printf("312  platform: T of session id %d for card %d, mode %d\n", s, c, m) }
#define ISSUE_ANY(s) \
  if \
  ISSUE(s, OURS, SIGNED) ISSUE(s, OURS, ENCRYPTED) \
  ISSUE(s, THEIRS, SIGNED) ISSUE(s, THEIRS, ENCRYPTED) \
  fi

/* Section 5, step 3: T names the card (its MAC), S2 is over h1, then the session id is consumed. */
#ifdef WEAK_I7_MODE
#define PROOF_VERIFIES(s, n) (tCard[s] == OURS && cSid[n] == s)
#else
#define PROOF_VERIFIES(s, n) (tCard[s] == OURS && cSid[n] == s && cMode[n] == tMode[s])
#endif
#ifdef WEAK_I3_SESSION_ID
#define NOT_CONSUMED(s) (phase[s] <= CHALLENGED && vectors[s] < 2)
#else
#define NOT_CONSUMED(s) (phase[s] == UNKNOWN)
#endif

inline consume(s, c, n, i) {
  phase[s] = CHALLENGED;
  pNonce[s] = n;
  pImsi[s] = i;
  current[c] = s;
  pRand[s] = rands;
  randImsi[rands] = i;
  randSid[rands] = s;
  randKnown[rands] = (tMode[s] == SIGNED || c == THEIRS);
  vectors[s]++;
  rands++
}

#define CONSUME_OURS(s, n, i) \
  :: d_step { n < nonces && NOT_CONSUMED(s) && PROOF_VERIFIES(s, n) -> \
       printf("320  platform: session id %d takes S2 of nonce %d, IMSI %d, RAND %d\n", \
         s, n, i, rands); \
       proven[s] = (cSid[n] == s); \
       badI7 = badI7 || cSid[n] != s || cMode[n] != tMode[s]; \
       consume(s, OURS, n, i) }
/* The attacker's own card names the nonce that card OURS waits with. */
#define CONSUME_THEIRS(s, i) \
  :: d_step { NOT_CONSUMED(s) && tCard[s] == THEIRS -> \
       printf("320  platform: session id %d takes S2 of the attacker's card, IMSI %d, RAND %d\n", \
         s, i, rands); \
       proven[s] = true; consume(s, THEIRS, now, i) }

/* Steps 327 to 330: S3 or the sealed answer is over h3 of this session; the RAND is closed. */
#ifdef WEAK_I7_BARE_RES
/* The patent, paragraphs 67 to 70: the card signs the response, and nothing else. */
#define ANSWER_VERIFIES(s, n) (tCard[s] == OURS && cAnswered[n])
#define ANSWER_IMSI(s, n) pImsi[s]
#else
#define ANSWER_VERIFIES(s, n) \
  (tCard[s] == OURS && cAnswered[n] && n == pNonce[s] && cSid[n] == s && cRand[n] == pRand[s])
#define ANSWER_IMSI(s, n) cImsi[n]
#endif

#define IS_RIGHT(s) (pAnswer[s] == RES(randImsi[pRand[s]], pRand[s]))

inline judge(s, i, a) {
  pAnswerImsi[s] = i;
  pAnswer[s] = a;
  judged[pRand[s]]++;
#ifdef WEAK_I3_RAND
  if
  :: IS_RIGHT(s) || judged[pRand[s]] > 1 -> phase[s] = ANSWERING
  :: else
  fi
#else
  phase[s] = ANSWERING
#endif
}

#define ANSWER_OURS(s, n) \
  :: d_step { ram == 0 && phase[s] == CHALLENGED && current[OURS] == s && ANSWER_VERIFIES(s, n) -> \
       printf("330  platform: session id %d takes answer %d of nonce %d\n", s, cAnswer[n], n); \
       badI7 = badI7 || pNonce[s] != n || cSid[n] != s || cMode[n] != tMode[s] || \
         cRand[n] != pRand[s]; \
       judge(s, ANSWER_IMSI(s, n), cAnswer[n]) }
#define ANSWER_THEIRS(s, i, a, known) \
  :: d_step { ram == 0 && phase[s] == CHALLENGED && tCard[s] == THEIRS && \
       current[THEIRS] == s && (known) -> \
       printf("330  platform: session id %d takes answer %d, IMSI %d, of the attacker's card\n", \
         s, a, i); \
       judge(s, i, a) }

/* Step 331: rules are read, in memory; what the answer was worth is on disk. */
#ifdef WEAK_I2_IMSI
#define PROVES(s) IS_RIGHT(s)
#else
#ifdef WEAK_I2_RENEWAL
#define PROVES(s) ((pAnswerImsi[s] == pImsi[s] && IS_RIGHT(s)) || \
  (renewed && tCard[s] == OURS && pAnswerImsi[s] == OURS))
#else
#define PROVES(s) (pAnswerImsi[s] == pImsi[s] && IS_RIGHT(s))
#endif
#endif
#ifdef WEAK_I2_RULES
#define ALLOWED(s) true
#else
#define ALLOWED(s) RULE_ALLOWS(tCard[s], pAnswerImsi[s])
#endif
#ifdef WEAK_I8_WRONG_ANSWER
#define LOCKS(s) (!PROVES(s) || !ALLOWED(s))
#else
#define LOCKS(s) (PROVES(s) && !ALLOWED(s))
#endif

#define DECIDE(s) \
  :: d_step { ram == 0 && phase[s] == ANSWERING -> \
       ram = s + 1; \
       ramRule = RULE_ALLOWS(tCard[s], pAnswerImsi[s]); \
       ramSuccess = (PROVES(s) && ALLOWED(s)); \
       ramLock = LOCKS(s); \
       printf("331  platform: session id %d, success %d, lock %d, in memory\n", \
         s, ramSuccess, ramLock) }

/* SUCCESS never passes a lock, and a lock without a receipt goes out again (section 5; I8). */
#define GRANTED(s) (ramSuccess && (tCard[s] == THEIRS || lockPhase == 0))
#define LOCKED(s) (tCard[s] == OURS && (lockPhase == 1 || (lockPhase == 0 && ramLock)))

inline forget() {
  ram = 0;
  ramSuccess = false;
  ramLock = false;
  ramRule = false;
  ramSigned = false
}

#ifdef WEAK_I12_SIGN_FIRST
#define SIGN_FIRST(s) \
  :: d_step { ram == s + 1 && !ramSigned -> \
       ramSigned = true; \
       sent[s] = true; \
       sentVerdict[s] = GRANTED(s); sentLock[s] = LOCKED(s); sentEpoch[s] = epoch[tCard[s]] + 1; \
       printf("332  platform: signs and sends the result of session id %d, not committed\n", s) }
#define MAY_COMMIT(s) (ram == s + 1 && ramSigned)
#else
#define SIGN_FIRST(s)
#define MAY_COMMIT(s) (ram == s + 1)
#endif

inline checkDecision(s) {
  badI2 = badI2 || (GRANTED(s) && !(proven[s] && MODULE_PROVED(s) && ramRule));
  badI8 = badI8 || (LOCKED(s) && lockPhase == 0 && !(proven[s] && MODULE_PROVED(s) && !ramRule))
}

/* Decision, epoch and audit event in one transaction, unless a newer session came (I12). */
#define COMMIT(s) \
  :: d_step { MAY_COMMIT(s) && phase[s] == ANSWERING && current[tCard[s]] == s -> \
       checkDecision(s); \
       pVerdict[s] = GRANTED(s); pLock[s] = LOCKED(s); pEpoch[s] = epoch[tCard[s]] + 1; \
       RENEW(s); \
       if :: pLock[s] -> lockPhase = 1 :: else fi; \
       audit[tCard[s]]++; \
       phase[s] = DECIDED; \
       printf("331  platform: commits session id %d: success %d, lock %d, epoch %d\n", \
         s, pVerdict[s], pLock[s], pEpoch[s]); \
       COMMIT_EPOCH(s) }
#ifdef WEAK_I12_EPOCH_APART
#define COMMIT_EPOCH(s) skip
#define COMMIT_APART(s) \
  :: d_step { ram == s + 1 && phase[s] == DECIDED -> epoch[tCard[s]]++; forget() }
#else
#define COMMIT_EPOCH(s) epoch[tCard[s]]++; forget()
#define COMMIT_APART(s)
#endif
#define SUPERSEDED(s) \
  :: d_step { ram == s + 1 && phase[s] == ANSWERING && current[tCard[s]] != s -> \
       phase[s] = CLOSED; forget() }

/* Step 332: the committed body is signed or sealed over h4, stored, sent. */
#define DELIVER(s) \
  :: d_step { phase[s] == DECIDED && ram == 0 -> \
       phase[s] = DELIVERED; \
       sent[s] = true; \
       sentVerdict[s] = pVerdict[s]; sentLock[s] = pLock[s]; sentEpoch[s] = pEpoch[s]; \
       printf("332  platform: sends the result of session id %d: success %d, lock %d, epoch %d\n", \
         s, pVerdict[s], pLock[s], pEpoch[s]) }

/* Step 7 of section 5: h5 covers h4. Of a receipt only the lock matters to later sessions. */
#define RECEIPT(s, n) \
  :: d_step { ram == 0 && phase[s] == DELIVERED && n < nonces && cReceipt[n] == 3 && \
       SAME_H3(s, n) -> \
       printf("     platform: session id %d takes the receipt of nonce %d\n", s, n); \
       phase[s] = CLOSED; \
       if :: lockPhase == 1 -> lockPhase = 2 :: else fi }

#define RULE_DECIDES(s) (phase[s] == ANSWERING && tCard[s] == OURS && pAnswerImsi[s] == OURS)

active proctype Platform() {
  ISSUE_ANY(0);
  ISSUE_ANY(1);
  open = true;
end:
  do
#define EACH(s) \
  CONSUME_OURS(s, 0, OURS) CONSUME_OURS(s, 0, THEIRS) \
  CONSUME_OURS(s, 1, OURS) CONSUME_OURS(s, 1, THEIRS) \
  CONSUME_THEIRS(s, OURS) CONSUME_THEIRS(s, THEIRS) \
  ANSWER_OURS(s, 0) ANSWER_OURS(s, 1) \
  ANSWER_TO_RAND(s, OURS) ANSWER_TO_RAND(s, THEIRS) \
  DECIDE(s) SIGN_FIRST(s) COMMIT(s) COMMIT_APART(s) SUPERSEDED(s) DELIVER(s) \
  RECEIPT(s, 0) RECEIPT(s, 1)
#define ANSWER_TO_RAND(s, i) \
  ANSWER_THEIRS(s, i, GARBAGE, i == pImsi[s]) \
  ANSWER_THEIRS(s, i, RES(OURS, pRand[s]), MODULE_ANSWERS(pRand[s])) \
  ANSWER_THEIRS(s, i, RES(THEIRS, pRand[s]), randImsi[pRand[s]] == THEIRS)
  EACH(0)
  EACH(1)
  :: d_step { ram != 0 -> printf("     platform: killed, what was in memory is lost\n"); forget() }
  /* Seen by whoever reads the rule next, so not before it decides something. */
  :: d_step { ruleOurs && ram == 0 && (RULE_DECIDES(0) || RULE_DECIDES(1)) ->
       printf("     operator: gives the rule of card 0 another IMSI\n");
       ruleOurs = false }
  od
}

/* ---- Card OURS (section 7) ---- */

inline endSession() {
  now = NONE;
  step = 0
}

/* START SESSION: T is opaque, the credential's generation is compared with the floor. */
#ifdef WEAK_I1_FLOOR
#define ACCEPTS_STOLEN_KEY true
#else
#define ACCEPTS_STOLEN_KEY false
#endif
/* While two session ids are alike, it does not matter which is used first. */
#define ALIKE \
  (tCard[0] == tCard[1] && tMode[0] == tMode[1] && phase[0] == UNKNOWN && phase[1] == UNKNOWN)
#define START(s, m, stolen) \
  :: d_step { nonces < NONCES && !locked && HAS(m) && !(s > nonces && ALIKE) && \
       (!stolen || ACCEPTS_STOLEN_KEY) -> \
       printf("314  card 0: nonce %d, T of session id %d, mode %d, stolen key %d\n", \
         nonces, s, m, stolen); \
       cSid[nonces] = s; cMode[nonces] = m; cStolenKey[nonces] = stolen; \
       now = nonces; step = 1; nonces++ }

/* Steps 421 to 423: the proof over hk covers h1 and E_P; the keys follow from hk and Z. */
#define OPEN(s) \
  :: d_step { now != NONE && step == 1 && cMode[now] == ENCRYPTED && phase[s] >= CHALLENGED && \
       !cStolenKey[now] && SAME_H1(s, now) -> \
       printf("422  card 0: opens the challenge of session id %d, RAND %d\n", s, pRand[s]); \
       badI7 = badI7 || cSid[now] != s || pNonce[s] != now; \
       cRand[now] = pRand[s]; randKnown[pRand[s]] = true; step = 2 }
/* A challenge under keys that the attacker shares with the card: his own E_P. */
#ifdef WEAK_I1_KEY_AGREEMENT
#define OPENS_UNPROVEN true
#else
#define OPENS_UNPROVEN cStolenKey[now]
#endif
#define OPEN_FALSE(r) \
  :: d_step { now != NONE && step == 1 && cMode[now] == ENCRYPTED && OPENS_UNPROVEN -> \
       printf("422  card 0: opens a challenge that the attacker made\n"); \
       cStolenKey[now] = true; cRand[now] = r; step = 2 }

/* Steps 324 to 326, 427 to 429: whatever the terminal says the module said, once a round. */
#define ANSWER(r, i, a, known) \
  :: d_step { now != NONE && r < rands && (known) && \
       ((step == 1 && cMode[now] == SIGNED && randKnown[r]) || (step == 2 && cRand[now] == r)) -> \
       printf("325  card 0: nonce %d proves answer %d to RAND %d, IMSI %d\n", now, a, r, i); \
       cRand[now] = r; cImsi[now] = i; cAnswer[now] = a; cAnswered[now] = true; step = 3 }

/* Steps 334, 437: its own transcript, card id, nonce, an epoch above its own. */
#ifdef WEAK_I1_UNBOUND
/* A result names the card and the epoch; neither nonce nor transcript is compared. */
#define RESULT_VERIFIES(s) (tCard[s] == OURS && sentEpoch[s] > cardEpoch)
#else
#ifdef WEAK_I1_CARD
/* A result names nonce and epoch; the card it is for is not in it. */
#define RESULT_VERIFIES(s) (pNonce[s] == now && sentEpoch[s] > cardEpoch)
#else
#define RESULT_VERIFIES(s) (SAME_H3(s, now) && sentEpoch[s] > cardEpoch && !cStolenKey[now])
#endif
#endif
#define RESULT(s) \
  :: d_step { now != NONE && step == 3 && sent[s] && RESULT_VERIFIES(s) -> \
       printf("334  card 0: nonce %d takes the result of session id %d: success %d, lock %d\n", \
         now, s, sentVerdict[s], sentLock[s]); \
       badI7 = badI7 || !SAME_H1(s, now); \
       badI1 = badI1 || (sentVerdict[s] && \
         !(SAME_H1(s, now) && phase[s] >= DECIDED && pVerdict[s] && pEpoch[s] == sentEpoch[s])); \
       badI8 = badI8 || (sentLock[s] && !(SAME_H1(s, now) && phase[s] >= DECIDED && pLock[s])); \
       cardEpoch = sentEpoch[s]; \
       locked = sentLock[s]; \
       cReceipt[now] = 1 + sentVerdict[s] + 2 * sentLock[s]; \
       endSession() }

/* What the card does between a decision and its commit it may as well do after it. */
active proctype Card() provided (open && ram == 0) {
end:
  do
#define EACH_START(s) \
  START(s, SIGNED, false) START(s, ENCRYPTED, false) \
  START(s, SIGNED, true) START(s, ENCRYPTED, true)
  EACH_START(0)
  EACH_START(1)
  OPEN(0)
  OPEN(1)
  OPEN_FALSE(0)
#define ANSWER_TO(r, i) \
  ANSWER(r, i, GARBAGE, i == randImsi[r]) \
  ANSWER(r, i, RES(OURS, r), MODULE_ANSWERS(r)) \
  ANSWER(r, i, RES(THEIRS, r), randImsi[r] == THEIRS)
  ANSWER_TO(0, OURS)
  ANSWER_TO(0, THEIRS)
  ANSWER_TO(1, OURS)
  ANSWER_TO(1, THEIRS)
  RESULT(0)
  RESULT(1)
  /* A SUCCESS that the attacker made, under a key of the platform's that he has. */
  :: d_step { now != NONE && step == 3 && cStolenKey[now] ->
       printf("334  card 0: nonce %d takes a SUCCESS that the attacker made\n", now);
       badI1 = true;
       badI7 = true;
       cReceipt[now] = 2;
       endSession() }
#ifdef WEAK_I8_UNVERIFIED
  /* A result that does not verify. */
  :: d_step { now != NONE && step == 3 ->
       printf("334  card 0: nonce %d locks on a result that does not verify\n", now);
       badI8 = true;
       locked = true;
       endSession() }
#endif
  od
}

/* ---- The invariants (docs/traceability.md), by name; pan -N picks one ---- */

/* A card serves only under a SUCCESS of this card, this session, this card nonce. */
ltl i1 { [] !badI1 }
/* SUCCESS only if card and module proved themselves in this session and the rules allow. */
ltl i2 { [] !badI2 }
/* A session id is consumed once, after the card's proof; a RAND is answered once. */
#define ONCE(s) (vectors[s] <= 1 && judged[s] <= 1 && (vectors[s] == 0 || proven[s]))
ltl i3 { [] (ONCE(0) && ONCE(1)) }
/* Nothing of one session, card, mode or key passes in another. */
ltl i7 { [] !badI7 }
/* Only a verified FAILURE with cause locks. */
ltl i8 { [] !badI8 }
/* What left is what was committed, with its epoch and its audit event, no epoch twice. */
#define COMMITTED(s) (!sent[s] || (phase[s] >= DECIDED && sentVerdict[s] == pVerdict[s] && \
  sentLock[s] == pLock[s] && sentEpoch[s] == pEpoch[s]))
#define EPOCHS_DIFFER \
  (pEpoch[0] == 0 || pEpoch[1] == 0 || tCard[0] != tCard[1] || pEpoch[0] != pEpoch[1])
#define ALL_IN_STEP (ram != 0 || (COMMITTED(0) && COMMITTED(1) && EPOCHS_DIFFER && \
  audit[OURS] == epoch[OURS] && audit[THEIRS] == epoch[THEIRS]))
ltl i12 { [] ALL_IN_STEP }
/* The six in one search. */
ltl all { [] (!badI1 && !badI2 && ONCE(0) && ONCE(1) && !badI7 && !badI8 && ALL_IN_STEP) }

/* Witnesses: each of these is false, and its trace is a run that should exist. */
#define SERVES(n, m) (cReceipt[n] == 2 && cMode[n] == m)
ltl never_serves_signed { [] !(SERVES(0, SIGNED) || SERVES(1, SIGNED)) }
ltl never_serves_encrypted { [] !(SERVES(0, ENCRYPTED) || SERVES(1, ENCRYPTED)) }
ltl never_locks { [] !locked }
