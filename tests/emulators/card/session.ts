/**
 * One binding session in RAM (docs/protocol.md section 6, "Session state"). It is a value: a step
 * makes the next one, and a step that fails leaves the one that was.
 */
import type { Bytes } from "./bytes.ts";
import type { PlatformCredential } from "./data-fields.ts";

/** Rounds 0, 1, 2: at most two answers with AUTS are followed by another challenge. */
const LAST_ROUND = 2;

export type Session = {
  readonly credential: PlatformCredential;
  /** N_C, 16 bytes. */
  readonly cardNonce: Bytes;
  /** h1 while opened, h3[r] once answered(r). */
  readonly transcript: Bytes;
  /** Round that ANSWER must name; undefined when only RESULT can follow. */
  readonly nextRound: number | undefined;
  /** RESULT may come after any answer: the platform refuses an AUTS by a verdict, too. */
  readonly isAnswered: boolean;
};

/** State "opened, round 0 is next". */
export function openSession(credential: PlatformCredential, cardNonce: Bytes, h1: Bytes): Session {
  return { credential, cardNonce, transcript: h1, nextRound: 0, isAnswered: false };
}

/** State "answered(r)"; AUTS leaves room for one more challenge while r < 2. */
export function answerRound(session: Session, round: number, h3: Bytes, isAuts: boolean): Session {
  const nextRound = isAuts && round < LAST_ROUND ? round + 1 : undefined;
  return { ...session, transcript: h3, nextRound, isAnswered: true };
}
