/**
 * One binding, as Fig. 3 (signed mode) and Fig. 4 (encrypted mode) of the patent draw it: the
 * client carries, the card and the platform judge.
 *
 *   311 312  411 412  client and platform: access request, card challenge
 *   313 315  413 415  client and card: START SESSION and the card's proof (314, 414)
 *   316 320  416 420  client and platform: card proof, access authentication request
 *            421 423  client and card: OPEN CHALLENGE; the card opens the request (422)
 *   321 323  424 426  client and module: AUTHENTICATE and the module's answer (322, 425)
 *   324 326  427 429  client and card: ANSWER; the card signs (325) or seals (428) it
 *   327 332  430 435  client and platform: answer, binding result; after AUTS or RANDBS
 *                     320 or 420 again
 *   333      436      client to card: RESULT; 334, 437 the card decides
 *
 * In place of 320 or 420 a locked card may get the order to unlock itself, in place of RESULT.
 */
import { IMSI_PATTERN } from "#protocol/identifiers";
import {
  type CardState,
  type Challenge,
  decodeChallenge,
  encodeAnswerStatement,
  type ModuleAnswer,
} from "#protocol/messages";
import type { StepReport } from "#protocol/steps";
import {
  type ModeName,
  MODULE_KIND_NUMBERS,
  SUITES,
  type SuiteName,
  suiteNamed,
} from "#protocol/suites";
import type { Verdict } from "#protocol/wire";
import { CancelledError, limitSignal, raceSignal, throwIfCancelled } from "./cancel.ts";
import { type CardApplet, CardError, formatSw } from "./card.ts";
import {
  concealImsi,
  type Concealment,
  ConcealmentError,
  importConcealmentKey,
} from "./conceal.ts";
import { confirmAnswer, wipeKeys } from "./confirmation.ts";
import { type IdentityModule, ModuleError, type ModuleResponse } from "./module.ts";
import {
  type AnswerMessage,
  PlatformError,
  type PlatformClient,
  type PlatformErrorCode,
} from "./platform-client.ts";
import type {
  AccessGrant,
  CardReply,
  ChallengeReply,
  UnlockReply,
  VerdictReply,
} from "./platform-messages.ts";
import { command, report, request, type Run, type Session } from "./session.ts";

export interface BindOptions {
  readonly platform: PlatformClient;
  /** Selected already; bind never selects, since that would end serving. */
  readonly card: CardApplet;
  readonly module: IdentityModule;
  /** Read from the card unless given. */
  readonly cardId?: string;
  readonly tenant?: string;
  /** What is offered: every suite unless given. */
  readonly suites?: readonly SuiteName[];
  /**
   * What is offered: both modes unless given. The platform takes the card's stronger one and
   * refuses an offer without it. Only `encrypted` alone keeps the IMSI from a false platform.
   */
  readonly modes?: readonly ModeName[];
  /** The platform's concealment key; an offer of encrypted mode needs it. */
  readonly concealment?: Concealment;
  /** Adds the confirmation tag where the module gives CK and IK; false unless given. */
  readonly confirmationTag?: boolean;
  /** The terminal's own, for rules that ask for one: 14 digits, or 15 with the check digit. */
  readonly imei?: string;
  /** Unix time in milliseconds, for step reports alone. */
  readonly now: () => number;
  readonly onStep?: (report: StepReport) => void;
  readonly signal?: AbortSignal;
  /** The platform ends a session after 120 s; so does the client, unless this says less. */
  readonly deadlineMs?: number;
}

export interface BindingOutcome {
  /**
   * UNLOCKED: the card lifted its lock at the platform's order and is idle; bind again.
   * REFUSED: the card did not accept what the platform sent, and is as it was.
   */
  readonly verdict: Verdict | "UNLOCKED" | "REFUSED";
  readonly cardState: CardState["name"];
  readonly sid: string;
  /** `none` when there is nothing to acknowledge; otherwise why it could not be delivered. */
  readonly receipt: "delivered" | "none" | PlatformErrorCode | CancelledError["code"];
  /** What the card refused and with which status word, or `locked already`. */
  readonly reason?: string;
}

const DEADLINE_MS = 120_000;
/** Rounds 0 to 2: AUTS or RANDBS is accepted twice. */
const ROUNDS_MAX = 3;
const MODES: readonly ModeName[] = ["encrypted", "signed"];

/** The challenge as the module takes it, and as the card saw it: 90 B1 92. */
interface OpenedChallenge {
  readonly challenge: Challenge;
  readonly bytes: Uint8Array;
}

/**
 * Throws PlatformError when the platform ends the exchange or leaves the protocol, CardError or
 * ModuleError when a card cannot be used, CancelledError when `signal` or the deadline did, and
 * ConcealmentError, before anything is sent, for encrypted mode without a concealment key.
 * Whatever was thrown after RESULT, the card's own status says what it became.
 */
export async function bind(options: BindOptions): Promise<BindingOutcome> {
  const run = await prepareRun(options);
  const session = await requestAccess(options, run); // 311, 312; 411, 412
  try {
    const proof = await startSession(session); // 313 to 315; 413 to 415
    const reply = await proveCard(session, proof); // 316, 320; 416, 420
    if (reply.kind === "locked") return lockedAlready(session);
    if (reply.kind === "unlock") return await unlockCard(session, reply);
    const { verdict, token } = await answerChallenges(session, reply); // 321 to 332; 421 to 435
    return await concludeBinding(session, verdict, token); // 333, 334; 436, 437; receipt
  } catch (error) {
    if (!(error instanceof CardError) || error.sw === undefined) throw error;
    return refusedByCard(session, error);
  }
}

async function prepareRun(options: BindOptions): Promise<Run> {
  const { card, module, concealment } = options;
  const signal = limitSignal(options.signal, options.deadlineMs ?? DEADLINE_MS);
  const mode = (options.modes ?? MODES).includes("encrypted") ? "encrypted" : "signed";
  if (mode === "encrypted") {
    if (concealment === undefined) throw new ConcealmentError("concealment_missing");
    await importConcealmentKey(concealment);
  }
  const cardId = options.cardId ?? (await raceSignal(() => card.readStatus(), signal)).cardId;
  const imsi = await raceSignal(() => module.readImsi(), signal);
  if (!IMSI_PATTERN.test(imsi)) throw new ModuleError("malformed", "IMSI");
  return { participants: options, signal, cardId, imsi, mode };
}

/** The platform chooses suite and mode, but only among what was offered. */
async function requestAccess(options: BindOptions, run: Run): Promise<Session> {
  const { platform, module, tenant } = options;
  const offer = {
    ...(tenant === undefined ? {} : { tenant }),
    cardId: run.cardId,
    suites: options.suites ?? SUITES.map((suite) => suite.name),
    modes: options.modes ?? MODES,
    moduleKind: module.kind,
  };
  const send = async (): Promise<AccessGrant> => {
    const answer = await platform.requestAccess(offer, run.signal);
    if (offer.suites.includes(answer.suite) && offer.modes.includes(answer.mode)) return answer;
    throw new PlatformError("malformed_response", 201);
  };
  const grant = await request(run, 311, send, ({ mode }) => mode);
  const session: Session = {
    ...run,
    mode: grant.mode,
    grant,
    suite: suiteNamed(grant.suite),
    concealment: options.concealment,
    confirmationTag: options.confirmationTag ?? false,
  };
  report(session, 312, "done");
  return session;
}

/** What the card gave: its state, and the bytes of its proof. */
interface Proof {
  readonly state: CardState["name"];
  readonly bytes: Uint8Array;
}

async function startSession(session: Session): Promise<Proof> {
  const { grant, suite, mode } = session;
  const { token, credential } = grant;
  const start = { token, credential, suite, mode };
  const { card } = session.participants;
  const proof = await command(session, 313, 314, () => card.startSession(start));
  report(session, 314, "done");
  report(session, 315, "done");
  return { state: proof.value.state.name, bytes: proof.bytes };
}

async function proveCard(session: Session, proof: Proof): Promise<CardReply> {
  const { grant, cardId, signal } = session;
  const { platform, module, imei } = session.participants;
  const identity = await nameSubscriber(session);
  const { token } = grant;
  const common = { token, cardId, proof: proof.bytes, moduleKind: module.kind };
  const body = { ...common, ...identity, ...(imei === undefined ? {} : { claims: { imei } }) };
  const reply = await request(session, 316, () => platform.proveCard(grant.sid, body, signal));
  // Only a card that says so itself is locked.
  if (reply.kind !== "challenge" && proof.state !== "locked")
    throw new PlatformError("malformed_response", 200);
  if (reply.kind !== "locked") report(session, 320, reply.kind === "unlock" ? "unlock" : "done");
  return reply;
}

async function nameSubscriber(
  session: Session,
): Promise<{ readonly imsi: string } | { readonly concealedImsi: Uint8Array }> {
  const { mode, imsi, concealment, grant } = session;
  if (mode === "signed") return { imsi };
  if (concealment === undefined) throw new ConcealmentError("concealment_missing");
  return { concealedImsi: await concealImsi(concealment, imsi, grant.token) };
}

/** Rounds until the platform gives its result: AUTS or RANDBS is answered by another challenge. */
async function answerChallenges(
  session: Session,
  first: ChallengeReply,
): Promise<{ readonly verdict: VerdictReply; readonly token: Uint8Array }> {
  const { platform } = session.participants;
  const { grant, signal } = session;
  let reply = first;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const { token } = reply;
    const opened = await openChallenge(session, reply.challenge); // 421, 422, 423
    const response = await authenticate(session, opened.challenge); // 321 to 323; 424 to 426
    const answer = await proveAnswer(session, opened, response); // 324 to 326; 427 to 429
    const body: AnswerMessage = { token, ...answer };
    const next = await request(session, 327, () => platform.sendAnswer(grant.sid, body, signal));
    if (next.kind === "verdict") {
      report(session, 332, next.verdict ?? "done");
      return { verdict: next, token };
    }
    report(session, 320, "done");
    reply = next;
  }
  // A fourth challenge is outside the protocol.
  throw new PlatformError("malformed_response", 200);
}

/** In signed mode the client reads the challenge itself, in encrypted mode the card opens it. */
async function openChallenge(session: Session, bytes: Uint8Array): Promise<OpenedChallenge> {
  if (session.mode === "signed") {
    const challenge = decodeChallenge(bytes);
    if (challenge === undefined) throw new PlatformError("malformed_response", 200);
    return { challenge, bytes };
  }
  const { card } = session.participants;
  const opened = await command(session, 421, 422, () => card.openChallenge(bytes));
  report(session, 422, "done");
  report(session, 423, "done");
  return { challenge: opened.value, bytes: opened.bytes };
}

/** The caller wipes the keys in what comes back. */
async function authenticate(session: Session, challenge: Challenge): Promise<ModuleResponse> {
  const { module, now } = session.participants;
  throwIfCancelled(session.signal);
  const sentAt = now();
  const work = module.authenticate(challenge);
  try {
    const response = await raceSignal(() => work, session.signal);
    report(session, 321, "done", sentAt);
    report(session, 322, nameAnswer(response.answer));
    report(session, 323, "done");
    return response;
  } catch (error) {
    // Keys of a module that answers after everybody left are wiped as well.
    void work.then(wipeKeys, () => undefined);
    throw error;
  }
}

/** S3 over the answer, or the answer sealed. */
async function proveAnswer(
  session: Session,
  opened: OpenedChallenge,
  response: ModuleResponse,
): Promise<
  { readonly statement: Uint8Array; readonly proof: Uint8Array } | { readonly sealed: Uint8Array }
> {
  const { suite, participants } = session;
  const { card, module } = participants;
  const statement = encodeAnswerStatement({
    imsi: session.imsi,
    moduleKind: MODULE_KIND_NUMBERS[module.kind],
    answer: response.answer,
    confirmationTag: await confirmAnswer(session, opened.bytes, response),
  });
  const ask =
    session.mode === "signed"
      ? () => card.signAnswer(suite, opened.bytes, statement)
      : () => card.sealAnswer(statement);
  const proof = await command(session, 324, 325, ask);
  report(session, 325, "done");
  report(session, 326, "done");
  return session.mode === "signed" ? { statement, proof } : { sealed: proof };
}

/**
 * The card verified R or opened it; what JSON says beside it is anybody's word. In signed mode the
 * receipt says what the card became, in encrypted mode its status does.
 */
async function concludeBinding(
  session: Session,
  { result }: VerdictReply,
  token: Uint8Array,
): Promise<BindingOutcome> {
  const { suite, signal } = session;
  const { card } = session.participants;
  if (session.mode === "signed") {
    const receipt = await command(session, 333, 334, () => card.deliverResult(suite, result));
    const cardState = receipt.value.state.name;
    report(session, 334, cardState);
    return decided(session, cardState, await deliverReceipt(session, token, receipt.bytes));
  }
  const receipt = await command(session, 333, 334, () => card.deliverSealedResult(result));
  const delivery = deliverReceipt(session, token, receipt);
  try {
    const cardState = (await raceSignal(() => card.readStatus(), signal)).state.name;
    report(session, 334, cardState);
    return decided(session, cardState, await delivery);
  } finally {
    // The card acted: its receipt goes out even if its status can no longer be read.
    await delivery;
  }
}

function decided(
  session: Session,
  cardState: CardState["name"],
  receipt: BindingOutcome["receipt"],
): BindingOutcome {
  const verdict = cardState === "serving" ? "SUCCESS" : "FAILURE";
  return { verdict, cardState, sid: session.grant.sid, receipt };
}

/** UNLOCK stands in RESULT's place and is reported there. */
async function unlockCard(session: Session, reply: UnlockReply): Promise<BindingOutcome> {
  const { suite, grant } = session;
  const { card } = session.participants;
  const receipt = await command(session, 333, 334, () => card.unlock(suite, reply.unlock));
  const cardState = receipt.value.state.name;
  if (cardState !== "idle") throw new CardError("malformed", "UNLOCK");
  report(session, 334, "unlocked");
  const delivery = await deliverReceipt(session, reply.token, receipt.bytes);
  return { verdict: "UNLOCKED", cardState, sid: grant.sid, receipt: delivery };
}

/** The card has acted already, so whatever happens here changes nothing but what we report. */
async function deliverReceipt(
  session: Session,
  token: Uint8Array,
  receipt: Uint8Array,
): Promise<BindingOutcome["receipt"]> {
  const { platform } = session.participants;
  try {
    await platform.deliverReceipt(session.grant.sid, { token, receipt }, session.signal);
    return "delivered";
  } catch (error) {
    if (error instanceof PlatformError || error instanceof CancelledError) return error.code;
    throw error;
  }
}

function lockedAlready({ grant }: Session): BindingOutcome {
  const reason = "locked already";
  return { verdict: "FAILURE", cardState: "locked", sid: grant.sid, receipt: "none", reason };
}

async function refusedByCard(session: Session, error: CardError): Promise<BindingOutcome> {
  const { card } = session.participants;
  const status = await raceSignal(() => card.readStatus(), session.signal);
  return {
    verdict: "REFUSED",
    cardState: status.state.name,
    sid: session.grant.sid,
    receipt: "none",
    reason: error.message,
  };
}

function nameAnswer(answer: ModuleAnswer): string {
  switch (answer.kind) {
    case "res":
      return "done";
    case "auts":
      return "synchronisation_failure";
    case "randbs":
      return "network_challenge";
    case "refusal":
      return `refused ${formatSw(answer.statusWord)}`;
  }
}
