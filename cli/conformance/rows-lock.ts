/** Lock and unlock (docs/protocol.md, sections 5 and 7). */
import type { Response } from "#protocol/apdu";
import { INS, LABEL, PSO, SW } from "#protocol/assigned-numbers";
import { concatBytes } from "#protocol/bytes";
import { encodeSigned } from "#protocol/messages";
import { type Bench, readKept, readStatus, restart, send, sendService } from "./bench.ts";
import { flip, misshape, rewrap, valueOf } from "./malformed.ts";
import { provePlatform } from "./platform.ts";
import { type Findings, inEachMode, type Row } from "./row.ts";
import { isS2, reachAnswered, type Session, startSession } from "./session.ts";
import {
  bind,
  issueResult,
  issueUnlock,
  lock,
  readReceipt,
  type ResultChange,
  sendResult,
  sendUnlock,
  unlock,
  type UnlockChange,
} from "./verdict.ts";

const REFUSED = SW.securityStatusNotSatisfied;
const OUT_OF_ORDER = SW.conditionsNotSatisfied;
const LOCK = { success: false, lock: true } as const;

/** On a card that was just locked, in a session of its own; it must stay locked. */
async function expectUnlock(bench: Bench, seen: Findings, change: UnlockChange): Promise<void> {
  const session = await lock(bench);
  seen.sw("UNLOCK", await sendUnlock(bench, issueUnlock(bench, session, change)), REFUSED);
  await expectLocked(bench, seen);
}

async function expectLocked(bench: Bench, seen: Findings): Promise<void> {
  const { state } = await readStatus(bench);
  seen.holds("locked", state.name === "locked", state.name);
}

function lockIdOf({ opening }: Session): string {
  return opening.state.name === "locked" ? opening.state.lockId.toHex() : opening.state.name;
}

/** Every command that a locked card refuses, with data of one byte. */
async function sendEach(bench: Bench, seen: Findings, sw: number): Promise<void> {
  const inss = [INS.openChallenge, INS.answer, INS.result, INS.provePossession];
  for (const ins of inss) {
    seen.sw(`INS ${ins.toString(16)}`, await send(bench, ins, Uint8Array.of(0)), sw);
  }
  for (const p1p2 of Object.values(PSO)) {
    const answer: Response = await sendService(bench, p1p2, new Uint8Array(40));
    seen.sw(`PSO ${p1p2.toString(16)}`, answer, sw);
  }
}

const LOCK_ROWS: readonly Row[] = [
  {
    id: "LCK-01",
    section: "5, 7",
    sends: "FAILURE with lock instruction 01",
    expects: "9000; a proven receipt with 8D 02 and 16 bytes, the same in the status",
    async run(bench, seen) {
      const { session, issued, answer } = await bind(bench, LOCK);
      const { report, isProven } = readReceipt(bench, session, issued, answer);
      seen.holds("receipt", isProven, "not proven");
      const { state } = await readStatus(bench);
      const named = report?.state.name === "locked" ? report.state.lockId : undefined;
      seen.holds("8D 02", named !== undefined && state.name === "locked", state.name);
      if (state.name === "locked") seen.same("lock id", named, state.lockId);
    },
  },
  {
    id: "LCK-02",
    section: "7",
    invariant: "I8",
    sends: "FAILURE with lock instruction, forged, of another card, nonce, epoch, floor; replayed",
    expects: "6982; the card is not locked",
    async run(bench, seen) {
      const before = await bind(bench, { success: false });
      const { epoch } = before.issued;
      const changes: readonly [string, ResultChange][] = [
        ["forged", { isForged: true }],
        ["card id", { cardId: flip(bench.cardId, 0) }],
        ["nonce", { cardNonce: before.session.opening.cardNonce }],
        ["epoch", { epoch }],
        ["floor", { floor: bench.generation + 1 }],
      ];
      for (const [what, change] of changes) {
        const issued = issueResult(bench, await reachAnswered(bench), { ...LOCK, ...change });
        seen.sw(what, await sendResult(bench, issued), REFUSED);
        const { state } = await readStatus(bench);
        seen.holds(`${what}: not locked`, state.name === "idle", state.name);
        if (state.name === "locked") return;
      }
    },
  },
  {
    id: "LCK-03",
    section: "7",
    invariant: "I9",
    sends: "a locked card: reset, SELECT, GET DATA, twice",
    expects: "8D 02 with the same lock id",
    async run(bench, seen) {
      const lockId = lockIdOf(await lock(bench));
      for (let i = 0; i < 2; i++) {
        await restart(bench);
        const { state } = await readStatus(bench);
        const now = state.name === "locked" ? state.lockId.toHex() : state.name;
        seen.holds("locked", now === lockId, now);
      }
    },
  },
  {
    id: "LCK-04",
    section: "5, 7",
    sends: "START SESSION on a locked card",
    expects: "9000; 8D 02 and the lock id; S2 verifies",
    async run(bench, seen) {
      await bind(bench, LOCK);
      const { state } = await readStatus(bench);
      const session = await startSession(bench);
      const lockId = state.name === "locked" ? state.lockId.toHex() : "none";
      seen.holds("8D 02", lockIdOf(session) === lockId, lockIdOf(session));
      seen.holds("S2 verifies", isS2(bench, session));
    },
  },
  {
    id: "LCK-05",
    section: "7",
    invariant: "I9",
    sends: "OPEN CHALLENGE, ANSWER, RESULT, PROVE POSSESSION, PSO on a locked card",
    expects: "6983",
    async run(bench, seen) {
      await lock(bench);
      await sendEach(bench, seen, SW.blocked);
    },
  },
  {
    id: "LCK-06",
    section: "5",
    invariant: "I8",
    sends: "a lock while serving; then SUCCESS of a session that was answered before",
    expects: "8D 02: the lease is gone; 6983: SUCCESS never lifts a lock",
    async run(bench, seen) {
      await bind(bench);
      const session = await reachAnswered(bench);
      const success = issueResult(bench, session, { epoch: session.opening.epoch + 2 });
      const locking = issueResult(bench, session, LOCK);
      seen.sw("lock", await sendResult(bench, locking), SW.success);
      seen.sw("SUCCESS", await sendResult(bench, success), SW.blocked);
      const { state, lease } = await readStatus(bench);
      seen.holds("locked", state.name === "locked", state.name);
      seen.holds("no lease", lease.uses === 0, `${lease.uses} uses`);
    },
  },
  {
    id: "LCK-07",
    section: "5",
    sends: "two locks, an unlock between",
    expects: "another lock id each time",
    async run(bench, seen) {
      const first = await lock(bench);
      await unlock(bench, first);
      const second = await lock(bench);
      seen.holds("another", lockIdOf(first) !== lockIdOf(second), "the same");
    },
  },
];

const UNLOCK_ROWS: readonly Row[] = [
  {
    id: "UNL-01",
    section: "5, 7",
    sends: "UNLOCK for this card, nonce and lock, one epoch up",
    expects: "9000; 8D 00 8C; status idle, the epoch stored",
    async run(bench, seen) {
      const session = await lock(bench);
      const issued = issueUnlock(bench, session);
      const answer = await sendUnlock(bench, issued);
      seen.sw("UNLOCK", answer, SW.success);
      const { report } = readReceipt(bench, session, issued, answer.data, LABEL.unlockReceipt);
      seen.holds("8D 00", report?.state.name === "idle", report?.state.name);
      seen.holds("8C", report?.epoch === issued.epoch, `${report?.epoch}`);
      const { state, epoch } = await readStatus(bench);
      seen.holds("idle", state.name === "idle", state.name);
      seen.holds("epoch", epoch === issued.epoch, `${epoch}`);
    },
  },
  {
    id: "UNL-02",
    section: "3.1, 3.2",
    sends: "UNLOCK for this card, nonce and lock",
    expects: "8E over h5 of hu, labelled as the receipt of an unlock",
    async run(bench, seen) {
      const session = await lock(bench);
      const issued = issueUnlock(bench, session);
      const { data } = await sendUnlock(bench, issued);
      const label = LABEL.unlockReceipt;
      const { isProven } = readReceipt(bench, session, issued, data, label);
      seen.holds("receipt", isProven, "not proven");
    },
  },
  {
    id: "UNL-03",
    section: "7",
    invariant: "I8",
    sends: "UNLOCK with another lock id",
    expects: "6982, still locked",
    run: (bench, seen) => expectUnlock(bench, seen, { lockId: new Uint8Array(16).fill(1) }),
  },
  {
    id: "UNL-04",
    section: "7",
    sends: "UNLOCK with another card id",
    expects: "6982, still locked",
    run: (bench, seen) => expectUnlock(bench, seen, { cardId: flip(bench.cardId, 7) }),
  },
  {
    id: "UNL-05",
    section: "7",
    sends: "UNLOCK with another card nonce",
    expects: "6982, still locked",
    run: (bench, seen) => expectUnlock(bench, seen, { cardNonce: new Uint8Array(16).fill(1) }),
  },
  {
    id: "UNL-06",
    section: "7",
    sends: "UNLOCK with the card's own epoch",
    expects: "6982, still locked",
    async run(bench, seen) {
      const session = await lock(bench);
      const { epoch } = await readStatus(bench);
      const issued = issueUnlock(bench, session, { epoch });
      seen.sw("UNLOCK", await sendUnlock(bench, issued), REFUSED);
      await expectLocked(bench, seen);
    },
  },
  {
    id: "UNL-07",
    section: "3.2, 7",
    invariant: "I8",
    sends: "UNLOCK proven by another key",
    expects: "6982, still locked",
    run: (bench, seen) => expectUnlock(bench, seen, { isForged: true }),
  },
  {
    id: "UNL-08",
    section: "3.2",
    invariant: "I7",
    sends: "UNLOCK proven by the label of a result",
    expects: "6982, still locked",
    run: (bench, seen) => expectUnlock(bench, seen, { label: LABEL.result }),
  },
  {
    id: "UNL-09",
    section: "7",
    invariant: "I9",
    sends: "the same UNLOCK again, at once and on the next lock",
    expects: "6985; 6982, still locked",
    async run(bench, seen) {
      const issued = issueUnlock(bench, await lock(bench));
      seen.sw("first", await sendUnlock(bench, issued), SW.success);
      seen.sw("again", await sendUnlock(bench, issued), OUT_OF_ORDER);
      await lock(bench);
      seen.sw("next lock", await sendUnlock(bench, issued), REFUSED);
      await expectLocked(bench, seen);
    },
  },
  {
    id: "UNL-10",
    section: "7",
    sends: "UNLOCK in a session of a card that is not locked",
    expects: "6985",
    async run(bench, seen) {
      const session = await startSession(bench);
      seen.sw("UNLOCK", await sendUnlock(bench, issueUnlock(bench, session)), OUT_OF_ORDER);
    },
  },
  {
    id: "UNL-11",
    section: "7",
    sends: "UNLOCK on a locked card without a session",
    expects: "6985",
    async run(bench, seen) {
      const issued = issueUnlock(bench, await lock(bench));
      await restart(bench);
      seen.sw("UNLOCK", await sendUnlock(bench, issued), OUT_OF_ORDER);
    },
  },
  {
    id: "UNL-12",
    section: "2",
    sends: "the elements of UNLOCK and of E6 left out, doubled, moved, with a tail",
    expects: "6A80, still locked",
    async run(bench, seen) {
      const session = await lock(bench);
      const { data, body } = issueUnlock(bench, session);
      const inner = misshape(valueOf(body)).map(([what, value]): [string, Uint8Array] => {
        const proof = provePlatform(bench.keys, session.mac, LABEL.unlock, new Uint8Array(32));
        return [`in E6: ${what}`, encodeSigned(rewrap(body, value), proof)];
      });
      for (const [what, bad] of [...misshape(data), ...inner]) {
        seen.sw(what, await send(bench, INS.unlock, bad), SW.incorrectData);
      }
      await expectLocked(bench, seen);
    },
  },
  {
    id: "UNL-13",
    section: "7",
    sends: "an UNLOCK that does not verify, then the good one",
    expects: "6982, then 9000: refused, the session stays",
    async run(bench, seen) {
      const session = await lock(bench);
      const forged = issueUnlock(bench, session, { isForged: true });
      seen.sw("forged", await sendUnlock(bench, forged), REFUSED);
      seen.sw("good", await sendUnlock(bench, issueUnlock(bench, session)), SW.success);
    },
  },
  {
    id: "UNL-14",
    section: "5, 7",
    sends: "UNLOCK, reset; then a whole session with SUCCESS",
    expects: "idle with the epoch kept; 9000",
    async run(bench, seen) {
      await unlock(bench, await lock(bench));
      const kept = await readKept(bench);
      await restart(bench);
      const now = await readKept(bench);
      seen.holds("kept", now === kept, now);
      const issued = issueResult(bench, await reachAnswered(bench));
      seen.sw("RESULT", await sendResult(bench, issued), SW.success);
    },
  },
  {
    id: "UNL-15",
    section: "7",
    sends: "each command after UNLOCK, without a session",
    expects: "6985; PROVE POSSESSION and PSO as on an idle card",
    async run(bench, seen) {
      await unlock(bench, await lock(bench));
      for (const ins of [INS.openChallenge, INS.answer, INS.result, INS.unlock]) {
        const answer = await send(bench, ins, concatBytes(Uint8Array.of(0)));
        seen.sw(`INS ${ins.toString(16)}`, answer, OUT_OF_ORDER);
      }
      seen.sw("PSO", await sendService(bench, PSO.sign, Uint8Array.of(1)), REFUSED);
    },
  },
];

export const LOCK_STATE_ROWS: readonly Row[] = inEachMode([...LOCK_ROWS, ...UNLOCK_ROWS]);
