import { expect, test } from "bun:test";
import { INS, SW } from "#protocol/assigned-numbers";
import { createCard } from "./card.ts";
import { createNonVolatileMemory, PAGE_BYTES, PowerCut, type Tear } from "./non-volatile-memory.ts";
import {
  type Bench,
  createBench,
  EVERY_SUITE,
  nameOf,
  readStatus,
  select,
  signDocument,
  type Status,
  type Variant,
} from "./bench-double.ts";
import { startSession } from "./platform-double.ts";
import {
  bind,
  issueResult,
  issueUnlock,
  prove,
  reachAnswered,
  type ResultOptions,
  sendResult,
  sendUnlock,
} from "./result-double.ts";

const TIMEOUT_MILLISECONDS = 60_000;
/** From nothing written to everything written, with the rest old or just erased. */
const TEARS: readonly Tear[] = [0, 1, 12, 13, 32, PAGE_BYTES - 1, PAGE_BYTES].flatMap(
  (newBytes): Tear[] => [
    { newBytes, rest: "old" },
    { newBytes, rest: "erased" },
  ],
);

/** A page half new, and each end of it: enough for the suites whose proofs are slow. */
const TEARS_OF_SLOW_SUITES = TEARS.filter((_, index) => index % 4 === 1);

function tearsFor({ suite }: Variant): readonly Tear[] {
  return suite === "SM" || suite.startsWith("RSA") ? TEARS_OF_SLOW_SUITES : TEARS;
}

/** Runs `act`; whether power was cut in it. Anything else that goes wrong is thrown. */
async function isCut(act: () => unknown): Promise<boolean> {
  try {
    await act();
    return false;
  } catch (error) {
    if (error instanceof PowerCut) return true;
    throw error;
  }
}

async function restart(bench: Bench): Promise<Status> {
  await bench.card.reset();
  await select(bench);
  return readStatus(bench);
}

/** Without the lock id, which is random. */
function shapeOf(status: Status): Status {
  return { ...status, state: status.state.slice(0, 2) };
}

const RESULTS: readonly (readonly [name: string, result: ResultOptions, kept: Partial<Status>])[] =
  [
    ["SUCCESS", { floor: 3 }, { epoch: 3, floor: 3, state: "00" }],
    ["FAILURE", { verdict: 0, floor: 3 }, { epoch: 3, floor: 3, state: "00" }],
    ["FAILURE with lock", { verdict: 0, lock: 1, floor: 3 }, { epoch: 3, floor: 3, state: "02" }],
  ];

async function expectUsable(bench: Bench): Promise<void> {
  const session = await reachAnswered(bench, { generation: 4 });
  const next = issueResult(bench, session, { epoch: 4 });
  expect(await sendResult(bench, next)).toEqual({ sw: SW.success, state: "01" });
}

/** Cuts each page write of one RESULT in turn until none is left; how many there were. */
async function cutEveryWrite(
  variant: Variant,
  seed: string,
  tear: Tear,
  result: ResultOptions,
  kept: Partial<Status>,
): Promise<{ readonly cuts: number; readonly news: number }> {
  let news = 0;
  for (let nth = 1; ; nth++) {
    const bench = await createBench({ variant, seed: `${seed} ${nth}` });
    await bind(bench);
    await bind(bench, { epoch: 2, floor: 1 });
    const old = { ...(await readStatus(bench)), state: "00" };
    const session = await reachAnswered(bench, { generation: 4 });
    const issued = issueResult(bench, session, result);
    bench.memory.cutAfterWrites(nth, tear);
    const wasCut = await isCut(() => sendResult(bench, issued));
    bench.memory.cancelCut();
    expect(await isCut(() => bench.card.transmit(Uint8Array.of(0, 0xca, 0, 0x80, 0)))).toBe(wasCut);
    const after = await restart(bench);
    const isNew = after.epoch === 3;
    expect(shapeOf(after)).toEqual(isNew ? { ...old, ...kept } : old);
    if (!wasCut) {
      expect(isNew).toBe(true);
      return { cuts: nth - 1, news };
    }
    if (isNew) news += 1;
    const refusal = after.state.startsWith("02") ? SW.blocked : SW.securityStatusNotSatisfied;
    expect((await signDocument(bench, Buffer.from("x"))).sw).toBe(refusal);
    if (after.state === "00") await expectUsable(bench);
    else expect((await restart(bench)).state).toBe(after.state);
  }
}

for (const variant of EVERY_SUITE) {
  test(
    `I9: epoch, floor and lock survive a power cut at any write: ${nameOf(variant)}`,
    async () => {
      const tears = tearsFor(variant);
      for (const [name, result, kept] of RESULTS) {
        let cuts = 0;
        let news = 0;
        for (const [index, tear] of tears.entries()) {
          const covered = await cutEveryWrite(variant, `${name} ${index}`, tear, result, kept);
          cuts += covered.cuts;
          news += covered.news;
        }
        // Old and new must both have been seen, or the cuts missed the write.
        expect(cuts).toBe(tears.length);
        expect(news).toBeGreaterThan(0);
        expect(news).toBeLessThan(cuts);
      }
    },
    TIMEOUT_MILLISECONDS,
  );

  test(`I9: an unlock that is cut leaves the card locked, or idle: ${nameOf(variant)}`, async () => {
    const seen = new Set<string>();
    for (const tear of tearsFor(variant)) {
      const bench = await createBench({ variant });
      const { state } = await bind(bench, { verdict: 0, lock: 1 });
      const issued = issueUnlock(bench, await startSession(bench));
      bench.memory.cutAfterWrites(1, tear);
      expect(await isCut(() => sendUnlock(bench, issued))).toBe(true);
      const after = await restart(bench);
      expect([`${state} 1`, "00 2"]).toContain(`${after.state} ${after.epoch}`);
      seen.add(after.state);
      if (after.state === state) {
        const again = issueUnlock(bench, await startSession(bench));
        expect((await sendUnlock(bench, again)).state).toBe("00");
      }
    }
    expect(seen.size).toBe(2);
  });
}

test("I9: cuts one after another never lose the record, nor bring an old one back", async () => {
  const bench = await createBench();
  let epoch = 0;
  let cuts = 0;
  for (let round = 0; round < 120; round++) {
    const session = await reachAnswered(bench);
    const issued = issueResult(bench, session, { epoch: epoch + 1 });
    bench.memory.cutAfterWrites(1 + (round % 2), TEARS[round % TEARS.length]);
    if (await isCut(() => sendResult(bench, issued))) cuts += 1;
    bench.memory.cancelCut();
    const after = await restart(bench);
    expect([epoch, epoch + 1]).toContain(after.epoch);
    epoch = after.epoch;
  }
  expect(cuts).toBe(60);
  expect(epoch).toBeGreaterThan(40);
});

test("I15: a power cut never makes a second proof of possession", async () => {
  for (const tear of TEARS) {
    for (let nth = 1; ; nth++) {
      const bench = await createBench();
      bench.memory.cutAfterWrites(nth, tear);
      const wasCut = await isCut(() => prove(bench, 1));
      if (!wasCut) break;
      await restart(bench);
      // Whichever challenge the card holds now is the only one that it will ever sign.
      const second = await prove(bench, 2);
      const first = await prove(bench, 1);
      expect([first.sw, second.sw].toSorted((a, b) => a - b)).toEqual([
        SW.conditionsNotSatisfied,
        SW.success,
      ]);
    }
  }
});

test("a personalisation that was cut can be done again, and keeps nothing half", async () => {
  for (const tear of TEARS) {
    const bench = await createBench();
    const nonVolatile = createNonVolatileMemory();
    const environment = { random: bench.random, nonVolatile };
    nonVolatile.cutAfterWrites(1, tear);
    expect(await isCut(() => createCard(bench.profile, environment))).toBe(true);
    const card = createCard(bench.profile, environment);
    await select({ ...bench, card });
    expect((await readStatus({ ...bench, card })).epoch).toBe(0);
  }
});

test("I9: the same flash makes the same card again, with its lock", async () => {
  const bench = await createBench();
  const { state } = await bind(bench, { verdict: 0, lock: 1 });
  const environment = { random: bench.random, nonVolatile: bench.memory };
  const again = { ...bench, card: createCard(bench.profile, environment) };
  await select(again);
  expect((await readStatus(again)).state).toBe(state);
});

test("I9: flash without a valid record is a broken card, not a new one", async () => {
  const bench = await createBench();
  await bind(bench, { verdict: 0, lock: 1 });
  for (const page of [0, 1]) {
    const bytes = bench.memory.readPage(page);
    bytes[5] = (bytes[5] ?? 0) ^ 1;
    bench.memory.writePage(page, bytes);
  }
  const environment = { random: bench.random, nonVolatile: bench.memory };
  expect(() => createCard(bench.profile, environment)).toThrow("no bank");
});

test("I9: a card without power answers nothing, writes nothing and forgets its session", async () => {
  const bench = await createBench();
  const session = await reachAnswered(bench);
  const issued = issueResult(bench, session);
  const writes = bench.memory.countWrites();
  const apdu = Buffer.concat([
    Uint8Array.of(0x80, INS.result, 0, 0, issued.data.length),
    issued.data,
  ]);
  bench.card.powerOff();
  expect(await isCut(() => bench.card.transmit(apdu))).toBe(true);
  expect(bench.memory.countWrites()).toBe(writes);
  const unborn = { cardId: bench.profile.cardId, epoch: 0, state: "00", floor: 0 };
  expect(await restart(bench)).toEqual(unborn);
  expect((await sendResult(bench, issued)).sw).toBe(SW.conditionsNotSatisfied);
});

test("I9: reset starts afresh and answers the next command", async () => {
  const bench = await createBench();
  await reachAnswered(bench);
  const atr = Buffer.from(await bench.card.reset());
  expect(atr.toString("latin1")).toContain("SIMLATCH");
  await select(bench);
  expect((await readStatus(bench)).state).toBe("00");
});
