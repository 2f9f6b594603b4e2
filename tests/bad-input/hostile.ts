/** What the hostile-terminal tests share: two honest phones, the count, the check afterwards. */
import { expect } from "bun:test";
import { decodeHex } from "#protocol/bytes";
import { type Bench, createBench, HOME, readDurable } from "#tests/invariants/bench";
import { createExchange, type Exchange } from "#tests/platform/exchange";
import type { Answer, Rig } from "#tests/platform/rig";
import type { FleetCard, FleetSubscriber } from "#tests/fleet/fleet";
import { CardError } from "#terminal/card";

export interface Pair {
  readonly card: FleetCard;
  readonly subscriber: FleetSubscriber;
}

export interface Tally {
  controls: number;
  cases: number;
  accepted: number;
  wronglyLocked: number;
}

export const createTally = (): Tally => ({ controls: 0, cases: 0, accepted: 0, wronglyLocked: 0 });

export function reportTally(what: string, tally: Tally): void {
  const counts = Object.entries(tally).map(([name, count]) => `${name} ${count}`);
  process.stdout.write(`${what}: ${counts.join(", ")}\n`);
}

export interface Arena extends Bench {
  readonly one: Pair;
  readonly two: Pair;
  readonly phone: (pair: Pair) => Promise<Exchange>;
  /** An attack over HTTP: anything but SUCCESS, 204 or a challenge. */
  readonly refuse: (answer: Answer) => string;
  /** The attack ended in a decision: FAILURE without a lock. */
  readonly fail: (answer: Answer) => void;
  /** An attack on the card: a status word and no other answer. */
  readonly refuseAtCard: (attempt: Promise<unknown>) => Promise<number>;
  /** Each pair binds again as if nothing had been; nothing is locked. */
  readonly recover: (...pairs: readonly Pair[]) => Promise<void>;
}

export async function openArena(tally: Tally): Promise<Arena> {
  const bench = await createBench();
  const { rig, fleet } = bench;
  const phone = ({ card, subscriber }: Pair): Promise<Exchange> =>
    createExchange(rig, card, subscriber);
  async function addPair(): Promise<Pair> {
    const card = await fleet.addCard();
    const subscriber = await fleet.addSubscriber({ operator: HOME });
    await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
    return { card, subscriber };
  }
  const one = { card: bench.card, subscriber: bench.subscriber };
  return {
    ...bench,
    one,
    two: await addPair(),
    phone,
    refuse(answer) {
      tally.cases += 1;
      const isAccepted = answer.status < 300;
      if (isAccepted) tally.accepted += 1;
      expect([answer.status, answer.text]).not.toEqual([200, expect.any(String)]);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      return String(answer.json["code"]);
    },
    fail(answer) {
      tally.cases += 1;
      if (answer.json["verdict"] === "SUCCESS") tally.accepted += 1;
      expect([answer.status, answer.json["verdict"]]).toEqual([200, "FAILURE"]);
    },
    async refuseAtCard(attempt) {
      tally.cases += 1;
      try {
        await attempt;
      } catch (error) {
        if (error instanceof CardError && error.sw !== undefined) return error.sw;
        throw error;
      }
      tally.accepted += 1;
      throw new Error("the card did as it was told");
    },
    async recover(...pairs) {
      for (const pair of pairs) await bindHonestly(tally, rig, await phone(pair));
    },
  };
}

async function bindHonestly(tally: Tally, rig: Rig, phone: Exchange): Promise<void> {
  const status = await phone.applet.readStatus();
  const locks = readDurable(rig, "SELECT lock_phase FROM card WHERE lock_phase <> 'none'");
  if (status.state.name === "locked" || locks.length > 0) tally.wronglyLocked += 1;
  expect([status.state.name, locks]).toEqual(["idle", []]);
  const { sid, token, reply } = await phone.run();
  expect(reply.json["verdict"]).toBe("SUCCESS");
  expect((await phone.finish(sid, token, reply)).status).toBe(204);
  expect((await phone.applet.readStatus()).state.name).toBe("serving");
  tally.controls += 1;
}

/** All ways to take some, not all, members of `theirs` into `ours`; equal ones count once. */
export function spliceAll<T extends object>(ours: T, theirs: T): Partial<T>[] {
  const own = new Map(Object.entries(ours));
  const names = Object.entries(theirs)
    .filter(([name, value]) => own.get(name) !== value)
    .map(([name]) => name);
  const splices: Partial<T>[] = [];
  for (let set = 1; set < 2 ** names.length - 1; set++) {
    const taken = Object.entries(theirs).filter(
      ([name]) => ((set >> names.indexOf(name)) & 1) === 1 && names.includes(name),
    );
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- members of T, each its own
    splices.push(Object.fromEntries(taken) as Partial<T>);
  }
  return splices;
}

const ORDER = BigInt("0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");

/** The other signature over the same message: s becomes n - s in the last 32 bytes. */
export function twistSignature(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const start = bytes.length - 32;
  const s = BigInt(`0x${Buffer.from(bytes.subarray(start)).toString("hex")}`);
  const out = new Uint8Array(bytes);
  out.set(decodeHex((ORDER - s).toString(16).padStart(64, "0")) ?? [], start);
  return out;
}
