/**
 * One binding session in RAM (docs/protocol.md section 7, "Session state"). It is a value: a step
 * makes the next one, and a step that fails leaves the one that was.
 */
import type { Bytes } from "./bytes.ts";
import type { Channel } from "./channel.ts";
import type { PlatformCredential } from "./data-fields.ts";
import type { Proofs } from "./proofs.ts";

export type Mode = "signed" | "encrypted";

/** Rounds 0, 1, 2: at most two answers with AUTS or RANDBS are followed by another challenge. */
const LAST_ROUND = 2;

export type Session = {
  readonly mode: Mode;
  readonly credential: PlatformCredential;
  readonly proofs: Proofs;
  /** N_C, 16 bytes. */
  readonly cardNonce: Bytes;
  /** Of the card's clock, at START SESSION; undefined on a card without one. */
  readonly startedAtSeconds: number | undefined;
  /** h1 while opened, h2[r] while challenged(r), h3[r] once answered(r). */
  readonly transcript: Bytes;
  /** Private half of E_C, from START SESSION until the first challenge opened; then forgotten. */
  readonly ephemeralPrivateKey: Bytes | undefined;
  /** Encrypted mode, once the first challenge opened. */
  readonly channel: Channel | undefined;
  readonly stage:
    | { readonly name: "opened" }
    | { readonly name: "challenged"; readonly round: number }
    | { readonly name: "answered"; readonly round: number; readonly mayContinue: boolean };
};

/** The round that the next challenge must name; undefined when none may come. */
export function nextRound({ stage }: Session): number | undefined {
  if (stage.name === "opened") return 0;
  if (stage.name === "challenged" || !stage.mayContinue) return undefined;
  return stage.round < LAST_ROUND ? stage.round + 1 : undefined;
}

/** State "challenged(r)" of encrypted mode. */
export function challengeRound(
  session: Session,
  round: number,
  h2: Bytes,
  channel: Channel,
): Session {
  const stage = { name: "challenged", round } as const;
  return { ...session, transcript: h2, channel, ephemeralPrivateKey: undefined, stage };
}

/** State "answered(r)"; AUTS and RANDBS leave room for one more challenge while r < 2. */
export function answerRound(
  session: Session,
  round: number,
  h3: Bytes,
  mayContinue: boolean,
): Session {
  return { ...session, transcript: h3, stage: { name: "answered", round, mayContinue } };
}
