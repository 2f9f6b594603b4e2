/** Test helper: how a session ends. Results, unlock orders and what the card answers to them. */
import { INS, LABEL, SW, TAG } from "#protocol/assigned-numbers";
import { type Answer, type Bench, command } from "./bench-double.ts";
import { element, elements, uint32, valueOf } from "./encoding-double.ts";
import {
  answerRound,
  type Directions,
  isCardProof,
  openFromCard,
  platformProof,
  type PlatformSession,
  startSession,
  type StartOptions,
} from "./platform-double.ts";
import { hash, seal } from "./suites-double.ts";

export type ResultOptions = {
  readonly verdict?: number;
  readonly cardId?: string;
  readonly nonce?: Uint8Array;
  readonly epoch?: number;
  readonly lock?: number;
  readonly uses?: number;
  readonly seconds?: number;
  readonly services?: number;
  readonly floor?: number;
  readonly isForged?: boolean;
  /** Signed mode. */
  readonly label?: string;
  /** Encrypted mode. */
  readonly number?: number;
  readonly direction?: keyof Directions;
};

export type Issued = {
  readonly data: Buffer;
  /** h4 or hu. */
  readonly previous: Buffer;
  readonly epoch: number;
  readonly session: PlatformSession;
};

function encodeResult(
  bench: Bench,
  session: PlatformSession,
  epoch: number,
  options: ResultOptions,
): Buffer {
  return element(
    TAG.result,
    element(TAG.verdict, [options.verdict ?? 1]),
    element(TAG.cardId, Buffer.from(options.cardId ?? bench.profile.cardId, "hex")),
    element(TAG.cardNonce, options.nonce ?? session.nonce),
    element(TAG.epoch, uint32(epoch)),
    element(TAG.lockInstruction, [options.lock ?? 0]),
    element(
      TAG.lease,
      element(TAG.leaseUses, uint32(options.uses ?? 10)),
      element(TAG.leaseSeconds, uint32(options.seconds ?? 3600)),
      element(TAG.leaseServices, [options.services ?? 7]),
    ),
    element(TAG.floor, uint32(options.floor ?? 0)),
  );
}

/** Data field of RESULT, and h4. */
export function issueResult(
  bench: Bench,
  session: PlatformSession,
  options: ResultOptions = {},
): Issued {
  const { suite } = bench;
  const epoch = options.epoch ?? session.epoch + 1;
  const result = encodeResult(bench, session, epoch, options);
  const h3 = session.transcript;
  const previous = hash(suite, LABEL.h4, element(TAG.hash, h3), result);
  if (session.mode === "encrypted") {
    const good = session.directions?.[options.direction ?? "toCard"];
    if (good === undefined) throw new Error("there are no keys yet");
    const direction = options.isForged === true ? { ...good, key: Buffer.alloc(16, 1) } : good;
    const sealed = seal(suite, direction, options.number ?? session.round + 1, h3, result);
    return { data: element(TAG.sealed, sealed), previous, epoch, session };
  }
  const label = options.label ?? LABEL.result;
  const proof = platformProof(bench, session, label, previous, options.isForged ?? false);
  const data = Buffer.concat([result, element(TAG.signature, proof)]);
  return { data, previous, epoch, session };
}

/** RESULT; the state that the receipt names in hex, and throws when the receipt is not good. */
export async function sendResult(
  bench: Bench,
  issued: Issued,
): Promise<{ readonly sw: number; readonly state: string }> {
  const { sw, data } = await command(bench, INS.result, issued.data);
  if (sw !== SW.success) return { sw, state: "" };
  const { session, previous } = issued;
  if (session.mode === "signed") return { sw, state: readReceipt(bench, issued, data) };
  const sealed = valueOf(data, TAG.sealed);
  const report = openFromCard(bench, session, session.round + 1, previous, sealed);
  return { sw, state: readReport(report, issued.epoch) };
}

/** 8D 8C 8E by `label`. */
function readReceipt(
  bench: Bench,
  issued: Issued,
  data: Buffer,
  label: string = LABEL.receipt,
): string {
  const proof = valueOf(data, TAG.signature);
  const report = data.subarray(0, data.length - element(TAG.signature, proof).length);
  const h5 = hash(bench.suite, LABEL.h5, element(TAG.hash, issued.previous), report);
  if (!isCardProof(bench, issued.session, label, h5, proof)) throw new Error("receipt is not good");
  return readReport(report, issued.epoch);
}

function readReport(report: Buffer, epoch: number): string {
  const [state, named] = elements(report);
  if (state?.tag !== TAG.cardState || named?.tag !== TAG.epoch) throw new Error("not a report");
  if (named.value.readUInt32BE() !== epoch) throw new Error("receipt names another epoch");
  return state.value.toString("hex");
}

export type UnlockOptions = {
  readonly cardId?: string;
  readonly nonce?: Uint8Array;
  readonly lockId?: Uint8Array;
  readonly epoch?: number;
  readonly isForged?: boolean;
  readonly label?: string;
};

/** Data field of UNLOCK, and hu. */
export function issueUnlock(
  bench: Bench,
  session: PlatformSession,
  options: UnlockOptions = {},
): Issued {
  const epoch = options.epoch ?? session.epoch + 1;
  const body = element(
    TAG.unlock,
    element(TAG.cardId, Buffer.from(options.cardId ?? bench.profile.cardId, "hex")),
    element(TAG.cardNonce, options.nonce ?? session.nonce),
    element(TAG.lockId, options.lockId ?? session.state.subarray(1)),
    element(TAG.epoch, uint32(epoch)),
  );
  const previous = hash(bench.suite, LABEL.hu, element(TAG.hash, session.h1), body);
  const label = options.label ?? LABEL.unlock;
  const proof = platformProof(bench, session, label, previous, options.isForged ?? false);
  const data = Buffer.concat([body, element(TAG.signature, proof)]);
  return { data, previous, epoch, session };
}

/** UNLOCK; the state that the receipt names in hex, and throws when the receipt is not good. */
export async function sendUnlock(
  bench: Bench,
  issued: Issued,
): Promise<{ readonly sw: number; readonly state: string }> {
  const { sw, data } = await command(bench, INS.unlock, issued.data);
  if (sw !== SW.success) return { sw, state: "" };
  return { sw, state: readReceipt(bench, issued, data, LABEL.unlockReceipt) };
}

/** START SESSION and one round with RES. */
export async function reachAnswered(
  bench: Bench,
  options: StartOptions = {},
): Promise<PlatformSession> {
  return answerRound(bench, await startSession(bench, options));
}

/** A whole session up to the receipt. */
export async function bind(
  bench: Bench,
  options: ResultOptions = {},
): Promise<{ readonly sw: number; readonly state: string }> {
  return sendResult(bench, issueResult(bench, await reachAnswered(bench), options));
}

export function prove(bench: Bench, fill: number): Promise<Answer> {
  const data = element(TAG.enrolmentChallenge, Buffer.alloc(16, fill));
  return command(bench, INS.provePossession, data);
}
