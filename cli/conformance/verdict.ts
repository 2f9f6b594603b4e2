/** How a session ends: results and orders to unlock, and what the card says to them. */
import type { Response } from "#protocol/apdu";
import type { DirectionKeys } from "#edge/secure-connection/key-schedule";
import { INS, LABEL, LENGTH, SERVICE } from "#protocol/assigned-numbers";
import type { Bytes } from "#protocol/bytes";
import {
  type CardReport,
  decodeCardReport,
  decodeReceipt,
  encodeResult,
  encodeSigned,
  encodeUnlock,
  type Lease,
} from "#protocol/messages";
import { encodeSealed } from "#protocol/sealed-messages";
import { hashReceipt, hashResult, hashUnlock, type ProofLabel } from "#protocol/transcript";
import { type Bench, reach, send, UnreachedError } from "./bench.ts";
import { provePlatform } from "./platform.ts";
import {
  isProven,
  openFromCard,
  reachAnswered,
  seal,
  type Session,
  startSession,
} from "./session.ts";

export const LEASE: Lease = {
  uses: 10,
  seconds: 3600,
  services: SERVICE.sign | SERVICE.decipher | SERVICE.encipher,
};

export interface ResultChange {
  readonly success?: boolean;
  readonly lock?: boolean;
  readonly cardId?: Uint8Array;
  readonly cardNonce?: Uint8Array;
  readonly epoch?: number;
  readonly lease?: Partial<Lease>;
  readonly floor?: number;
  /** Alters E5 before it is proven or sealed. */
  readonly alter?: (body: Bytes) => Bytes;
  readonly isForged?: boolean;
  /** Signed mode. */
  readonly label?: ProofLabel;
  /** Encrypted mode. */
  readonly number?: number;
  readonly direction?: keyof DirectionKeys;
}

export interface Issued {
  /** Data field of RESULT or UNLOCK. */
  readonly data: Bytes;
  /** E5 or E6. */
  readonly body: Bytes;
  /** h4 or hu. */
  readonly previous: Uint8Array;
  readonly epoch: number;
}

/** SUCCESS with LEASE, one epoch up, unless changed. */
export function issueResult(bench: Bench, session: Session, change: ResultChange = {}): Issued {
  const { keys } = bench;
  const { opening, transcript: h3 } = session;
  const epoch = change.epoch ?? opening.epoch + 1;
  const success = change.success ?? true;
  const plain = encodeResult({
    success,
    cardId: change.cardId ?? bench.cardId,
    cardNonce: change.cardNonce ?? opening.cardNonce,
    epoch,
    lock: change.lock ?? false,
    lease: success ? { ...LEASE, ...change.lease } : { uses: 0, seconds: 0, services: 0 },
    floor: change.floor ?? 0,
  });
  const body = change.alter?.(plain) ?? plain;
  const previous = hashResult(keys.tools.hash, h3, body);
  if (session.mode === "signed") {
    const label = change.label ?? LABEL.result;
    const proof = provePlatform(keys, session.mac, label, previous, change.isForged);
    return { data: encodeSigned(body, proof), body, previous, epoch };
  }
  const direction = session.sealing?.[change.direction ?? "platform"];
  if (direction === undefined) throw new UnreachedError("RESULT: no challenge was opened");
  const key = change.isForged === true ? new Uint8Array(direction.length) : direction;
  const number = change.number ?? session.round + 1;
  const sealed = seal(bench, key, { number, associatedData: h3, plaintext: body });
  return { data: encodeSealed(sealed), body, previous, epoch };
}

export function sendResult(bench: Bench, issued: Issued): Promise<Response> {
  return send(bench, INS.result, issued.data);
}

export interface Receipt {
  /** Undefined for what is no receipt, or opens to none. */
  readonly report: CardReport | undefined;
  /** Signed, or opened, as the card's over this very result. */
  readonly isProven: boolean;
}

/** What the card answered to a result (8D 8C 8E or D0) or to an unlock. */
export function readReceipt(
  bench: Bench,
  session: Session,
  { previous }: Issued,
  answer: Bytes,
  label: ProofLabel = LABEL.receipt,
): Receipt {
  const { hash, suite } = bench.keys.tools;
  if (session.mode === "encrypted" && label === LABEL.receipt) {
    const plain = openFromCard(bench, session, session.round + 1, previous, answer);
    const report = plain && decodeCardReport(plain);
    return { report, isProven: report !== undefined };
  }
  const receipt = decodeReceipt(answer, suite.proofBytes);
  if (receipt === undefined) return { report: undefined, isProven: false };
  const { signature, ...report } = receipt;
  const h5 = hashReceipt(hash, previous, report);
  return { report, isProven: isProven(bench, session, label, h5, signature) };
}

export interface Bound {
  readonly session: Session;
  readonly issued: Issued;
  readonly answer: Bytes;
}

/** A whole session whose result the card is to take. Throws UnreachedError. */
export async function bind(bench: Bench, change: ResultChange = {}): Promise<Bound> {
  const session = await reachAnswered(bench);
  const issued = issueResult(bench, session, change);
  const answer = reach("RESULT", await sendResult(bench, issued));
  return { session, issued, answer };
}

export interface UnlockChange {
  readonly cardId?: Uint8Array;
  readonly cardNonce?: Uint8Array;
  readonly lockId?: Uint8Array;
  readonly epoch?: number;
  readonly isForged?: boolean;
  readonly label?: ProofLabel;
}

/** For the lock that the card named in START SESSION. */
export function issueUnlock(bench: Bench, session: Session, change: UnlockChange = {}): Issued {
  const { opening, h1, mac } = session;
  const { state } = opening;
  const epoch = change.epoch ?? opening.epoch + 1;
  const named = state.name === "locked" ? state.lockId : new Uint8Array(LENGTH.lockId);
  const body = encodeUnlock({
    cardId: change.cardId ?? bench.cardId,
    cardNonce: change.cardNonce ?? opening.cardNonce,
    lockId: change.lockId ?? named,
    epoch,
  });
  const previous = hashUnlock(bench.keys.tools.hash, h1, body);
  const label = change.label ?? LABEL.unlock;
  const proof = provePlatform(bench.keys, mac, label, previous, change.isForged);
  return { data: encodeSigned(body, proof), body, previous, epoch };
}

export function sendUnlock(bench: Bench, issued: Issued): Promise<Response> {
  return send(bench, INS.unlock, issued.data);
}

/** FAILURE with the lock instruction, then a session on the locked card. Throws UnreachedError. */
export async function lock(bench: Bench): Promise<Session> {
  await bind(bench, { success: false, lock: true });
  return startSession(bench);
}

/** Lifts the lock of `session`. Throws UnreachedError. */
export async function unlock(bench: Bench, session: Session): Promise<void> {
  reach("UNLOCK", await sendUnlock(bench, issueUnlock(bench, session)));
}
