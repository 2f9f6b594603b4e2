/**
 * One binding, as Fig. 3 of the patent draws it: the client carries, the card and the platform
 * judge.
 *
 *   311 312  client and platform: access request, card challenge
 *   313 315  client and card: START SESSION and the card's proof (314)
 *   316 320  client and platform: card proof, access authentication request
 *   321 323  client and module: AUTHENTICATE and the module's answer (322)
 *   324 326  client and card: ANSWER and the card's signature (325)
 *   327 332  client and platform: signed answer, signed binding result; 320 again after AUTS
 *   333      client to card: RESULT; 334 the card decides
 */
import { encodeAnswerStatement, type ModuleAnswer } from "#protocol/messages";
import type { CardState } from "#protocol/messages";
import type { StepNumber, StepReport } from "#protocol/steps";
import { MODE_NUMBERS, MODULE_KIND_NUMBERS, SUITES } from "#protocol/suites";
import type { Verdict } from "#protocol/wire";
import { CancelledError, limitSignal, raceSignal } from "./cancel.ts";
import { type CardApplet, CardError, formatSw } from "./card.ts";
import type { IdentityModule } from "./module.ts";
import { PlatformError, type PlatformClient, type PlatformErrorCode } from "./platform-client.ts";
import type { AccessGrant, ChallengeReply, VerdictReply } from "./platform-messages.ts";

export interface BindOptions {
  readonly platform: PlatformClient;
  /** Selected already; bind never selects, since that would end serving. */
  readonly card: CardApplet;
  readonly module: IdentityModule;
  /** Read from the card unless given. */
  readonly cardId?: string;
  readonly tenant?: string;
  /** Unix time in milliseconds, for step reports alone. */
  readonly now: () => number;
  readonly onStep?: (report: StepReport) => void;
  readonly signal?: AbortSignal;
  /** The platform ends a session after 120 s; so does the client, unless this says less. */
  readonly deadlineMs?: number;
}

export interface BindingOutcome {
  /** REFUSED: the card accepted what the platform sent neither as SUCCESS nor as FAILURE. */
  readonly verdict: Verdict | "REFUSED";
  readonly cardState: CardState["name"];
  readonly sid: string;
  /** `none` when there is nothing to acknowledge; otherwise why it could not be delivered. */
  readonly receipt: "delivered" | "none" | PlatformErrorCode | CancelledError["code"];
  /** What the card refused and with which status word, or `locked already`. */
  readonly reason?: string;
}

const DEADLINE_MS = 120_000;
/** Rounds 0 to 2: AUTS is accepted twice. */
const ROUNDS_MAX = 3;

/** One binding on its way. */
interface Run {
  readonly options: BindOptions;
  readonly signal: AbortSignal;
  readonly cardId: string;
  readonly imsi: string;
}

/**
 * Throws PlatformError when the platform ends the exchange, CardError or ModuleError when a card
 * cannot be used, CancelledError when `signal` or the deadline did.
 */
export async function bind(options: BindOptions): Promise<BindingOutcome> {
  const run = await prepareRun(options);
  const grant = await requestAccess(run); // 311, 312
  try {
    const proof = await startSession(run, grant); // 313, 314, 315
    const reply = await proveCard(run, grant, proof); // 316, 320
    if (reply.kind === "locked") return lockedAlready(grant);
    const { verdict, token } = await answerChallenges(run, grant, reply); // 321 to 327, 332
    return await concludeBinding(run, grant, verdict, token); // 333, 334, receipt
  } catch (error) {
    if (!(error instanceof CardError) || error.sw === undefined) throw error;
    return refusedByCard(run, grant, error);
  }
}

async function prepareRun(options: BindOptions): Promise<Run> {
  const signal = limitSignal(options.signal, options.deadlineMs ?? DEADLINE_MS);
  const cardId = options.cardId ?? (await raceSignal(options.card.readStatus(), signal)).cardId;
  const imsi = await raceSignal(options.module.readImsi(), signal);
  return { options, signal, cardId, imsi };
}

async function requestAccess(run: Run): Promise<AccessGrant> {
  const { platform, tenant, module } = run.options;
  const offer = {
    ...(tenant === undefined ? {} : { tenant }),
    cardId: run.cardId,
    suites: SUITES.map((suite) => suite.name),
    modes: ["signed"] as const,
    moduleKind: module.kind,
  };
  const grant = await request(run, 311, () => platform.requestAccess(offer, run.signal));
  report(run, 312, "done");
  return grant;
}

/** The bytes of the card's proof. */
async function startSession(run: Run, grant: AccessGrant): Promise<Uint8Array> {
  const start = {
    token: grant.token,
    credential: grant.credential,
    suite: SUITES.find((suite) => suite.name === grant.suite)?.number ?? 0,
    mode: MODE_NUMBERS[grant.mode],
  };
  const proof = await command(run, 313, 314, () => run.options.card.startSession(start));
  report(run, 314, "done");
  report(run, 315, "done");
  return proof.bytes;
}

async function proveCard(
  run: Run,
  grant: AccessGrant,
  proof: Uint8Array,
): ReturnType<PlatformClient["proveCard"]> {
  const { platform, module } = run.options;
  const { cardId, imsi, signal } = run;
  const body = { token: grant.token, cardId, proof, imsi, moduleKind: module.kind };
  const reply = await request(run, 316, () => platform.proveCard(grant.sid, body, signal));
  if (reply.kind === "challenge") report(run, 320, "done");
  return reply;
}

/** Rounds until the platform gives its verdict: each AUTS is answered by another challenge. */
async function answerChallenges(
  run: Run,
  grant: AccessGrant,
  first: ChallengeReply,
): Promise<{ readonly verdict: VerdictReply; readonly token: Uint8Array }> {
  let challenge = first;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const answer = await authenticate(run, challenge); // 321, 322, 323
    const signed = await signAnswer(run, challenge, answer); // 324, 325, 326
    const body = { token: challenge.token, ...signed };
    const { platform } = run.options;
    const reply = await request(run, 327, () => platform.sendAnswer(grant.sid, body, run.signal));
    if (reply.kind === "verdict") {
      report(run, 332, reply.verdict);
      return { verdict: reply, token: challenge.token };
    }
    report(run, 320, "done");
    challenge = reply;
  }
  // A fourth challenge is outside the protocol.
  throw new PlatformError("malformed_response", 200);
}

async function authenticate(run: Run, reply: ChallengeReply): Promise<ModuleAnswer> {
  const sentAt = run.options.now();
  const { module } = run.options;
  const { answer, keys } = await raceSignal(module.authenticate(reply.challenge), run.signal);
  keys?.ck.fill(0);
  keys?.ik.fill(0);
  report(run, 321, "done", sentAt);
  report(run, 322, nameAnswer(answer));
  report(run, 323, "done");
  return answer;
}

async function signAnswer(
  run: Run,
  reply: ChallengeReply,
  answer: ModuleAnswer,
): Promise<{ readonly statement: Uint8Array; readonly proof: Uint8Array }> {
  const statement = encodeAnswerStatement({
    imsi: run.imsi,
    moduleKind: MODULE_KIND_NUMBERS[run.options.module.kind],
    answer,
    confirmationTag: new Uint8Array(0),
  });
  const { card } = run.options;
  const proof = await command(run, 324, 325, () => card.answer(reply.bytes, statement));
  report(run, 325, "done");
  report(run, 326, "done");
  return { statement, proof: proof.bytes };
}

async function concludeBinding(
  run: Run,
  grant: AccessGrant,
  reply: VerdictReply,
  token: Uint8Array,
): Promise<BindingOutcome> {
  const { card } = run.options;
  const receipt = await command(run, 333, 334, () => card.deliverResult(reply.result));
  const cardState = receipt.value.state.name;
  report(run, 334, cardState);
  return {
    // The card verified R; the verdict beside it in JSON is anybody's word.
    verdict: cardState === "serving" ? "SUCCESS" : "FAILURE",
    cardState,
    sid: grant.sid,
    receipt: await deliverReceipt(run, grant, token, receipt.bytes),
  };
}

/** The card has acted already, so whatever happens here changes nothing but what we report. */
async function deliverReceipt(
  run: Run,
  grant: AccessGrant,
  token: Uint8Array,
  receipt: Uint8Array,
): Promise<BindingOutcome["receipt"]> {
  try {
    await run.options.platform.deliverReceipt(grant.sid, { token, receipt }, run.signal);
    return "delivered";
  } catch (error) {
    if (error instanceof PlatformError || error instanceof CancelledError) return error.code;
    throw error;
  }
}

function lockedAlready(grant: AccessGrant): BindingOutcome {
  const reason = "locked already";
  return { verdict: "FAILURE", cardState: "locked", sid: grant.sid, receipt: "none", reason };
}

async function refusedByCard(
  run: Run,
  grant: AccessGrant,
  error: CardError,
): Promise<BindingOutcome> {
  const status = await raceSignal(run.options.card.readStatus(), run.signal);
  return {
    verdict: "REFUSED",
    cardState: status.state.name,
    sid: grant.sid,
    receipt: "none",
    reason: error.message,
  };
}

/** A message to the platform; reported when it was answered, with the time it was sent. */
async function request<T>(run: Run, step: StepNumber, send: () => Promise<T>): Promise<T> {
  const sentAt = run.options.now();
  try {
    const value = await raceSignal(send(), run.signal);
    report(run, step, "done", sentAt);
    return value;
  } catch (error) {
    if (error instanceof PlatformError || error instanceof CancelledError)
      report(run, step, error.code, sentAt);
    throw error;
  }
}

/** A command to the card: `sent` is its way there, `decided` what the card made of it. */
async function command<T>(
  run: Run,
  sent: StepNumber,
  decided: StepNumber,
  transmit: () => Promise<T>,
): Promise<T> {
  const sentAt = run.options.now();
  try {
    const value = await raceSignal(transmit(), run.signal);
    report(run, sent, "done", sentAt);
    return value;
  } catch (error) {
    const refusal = error instanceof CardError ? error.sw : undefined;
    report(run, sent, refusal === undefined ? "failed" : "done", sentAt);
    if (refusal !== undefined) report(run, decided, `refused ${formatSw(refusal)}`);
    throw error;
  }
}

function report(run: Run, step: StepNumber, outcome: string, at = run.options.now()): void {
  run.options.onStep?.({ step, at, outcome });
}

function nameAnswer(answer: ModuleAnswer): string {
  switch (answer.kind) {
    case "res":
    case "randbs":
      return "done";
    case "auts":
      return "synchronisation_failure";
    case "refusal":
      return `refused ${formatSw(answer.statusWord)}`;
  }
}
