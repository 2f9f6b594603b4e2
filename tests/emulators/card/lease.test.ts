/** What a lease pays for: services, uses, and seconds where the card has a clock. */
import { expect, test } from "bun:test";
import { INS, SERVICE, SW } from "#protocol/assigned-numbers";
import {
  type Bench,
  createBench,
  exchange,
  readLease,
  readStatus,
  select,
  signDocument,
} from "./bench-double.ts";
import { startSession } from "./platform-double.ts";
import { bind, issueResult, reachAnswered, sendResult } from "./result-double.ts";

const IDLE = "00";
const SERVING = "01";
const REFUSED = SW.securityStatusNotSatisfied;
const NOTHING = { uses: 0, seconds: 0, services: 0 };
const pso = { cla: 0, ins: INS.performSecurityOperation };

test("uses run out, one per operation, failed ones included", async () => {
  const bench = await createBench();
  await bind(bench, { uses: 3 });
  const forged = await exchange(bench, { ...pso, p1p2: 0x8086, data: Buffer.alloc(40) });
  expect(forged).toEqual({ sw: SW.incorrectData, data: Buffer.alloc(0) });
  expect(await readLease(bench)).toEqual({ uses: 2, seconds: 3600, services: 7 });
  expect((await signDocument(bench, Buffer.from("1"))).sw).toBe(SW.success);
  expect((await readStatus(bench)).state).toBe(SERVING);
  expect((await signDocument(bench, Buffer.from("2"))).sw).toBe(SW.success);
  expect((await readStatus(bench)).state).toBe(IDLE);
  expect(await readLease(bench)).toEqual(NOTHING);
  expect((await signDocument(bench, Buffer.from("3"))).sw).toBe(REFUSED);
});

test("a command of wrong length takes no use", async () => {
  const bench = await createBench();
  await bind(bench, { uses: 1 });
  expect((await signDocument(bench, Buffer.alloc(1025))).sw).toBe(SW.wrongLength);
  const short = await exchange(bench, { ...pso, p1p2: 0x8086, data: Buffer.alloc(28) });
  expect(short.sw).toBe(SW.wrongLength);
  expect((await signDocument(bench, Buffer.alloc(1024, 1))).sw).toBe(SW.success);
});

test("a lease covers exactly the services whose bits it has", async () => {
  const operations = [
    [SERVICE.sign, 0x9e9a],
    [SERVICE.encipher, 0x8680],
    [SERVICE.decipher, 0x8086],
  ] as const;
  const bench = await createBench();
  for (const services of [0, 1, 2, 4, 7, 8, 0xf8]) {
    await bind(bench, { services });
    for (const [bit, p1p2] of operations) {
      const answer = await exchange(bench, { ...pso, p1p2, data: Buffer.alloc(40) });
      expect(answer.sw === REFUSED).toBe((services & bit) === 0);
    }
  }
});

test("a lease of no uses serves nothing", async () => {
  const bench = await createBench();
  await bind(bench, { uses: 0 });
  expect((await signDocument(bench, Buffer.from("x"))).sw).toBe(REFUSED);
});

test("no clock: seconds never end, and the status gives them as issued", async () => {
  const bench = await createBench();
  await bind(bench, { seconds: 0 });
  expect(await readLease(bench)).toEqual({ uses: 10, seconds: 0, services: 7 });
  expect((await signDocument(bench, Buffer.from("x"))).sw).toBe(SW.success);
});

async function createClocked(): Promise<{ bench: Bench; at: (seconds: number) => void }> {
  let now = 1_000_000;
  const started = now;
  const bench = await createBench({ clock: { now: () => now } });
  return {
    bench,
    at: (seconds) => {
      now = started + seconds;
    },
  };
}

test("a clock: seconds count from START SESSION, and end the lease", async () => {
  const { bench, at } = await createClocked();
  const session = await reachAnswered(bench);
  at(10.5);
  await sendResult(bench, issueResult(bench, session, { seconds: 60 }));
  expect((await readLease(bench)).seconds).toBe(50);
  at(59.9);
  expect((await readLease(bench)).seconds).toBe(1);
  expect((await signDocument(bench, Buffer.from("x"))).sw).toBe(SW.success);
  at(60);
  expect((await readStatus(bench)).state).toBe(IDLE);
  expect(await readLease(bench)).toEqual(NOTHING);
  expect((await signDocument(bench, Buffer.from("x"))).sw).toBe(REFUSED);
  // Over is over, whatever the clock says later.
  at(0);
  expect((await signDocument(bench, Buffer.from("x"))).sw).toBe(REFUSED);
});

test("a clock: a service alone finds out that the seconds are over", async () => {
  const { bench, at } = await createClocked();
  await bind(bench, { seconds: 60 });
  at(61);
  expect((await signDocument(bench, Buffer.from("x"))).sw).toBe(REFUSED);
});

test("a clock: a result that comes after its seconds leaves the card idle, and says so", async () => {
  const { bench, at } = await createClocked();
  const session = await reachAnswered(bench);
  at(60);
  const late = issueResult(bench, session, { seconds: 60 });
  expect(await sendResult(bench, late)).toEqual({ sw: SW.success, state: IDLE });
  expect((await readStatus(bench)).epoch).toBe(1);
});

test("a clock: a renewal counts from its own START SESSION", async () => {
  const { bench, at } = await createClocked();
  await bind(bench, { seconds: 60 });
  at(30);
  await bind(bench, { seconds: 60 });
  at(89);
  expect((await readLease(bench)).seconds).toBe(1);
  expect((await startSession(bench)).state.toString("hex")).toBe(SERVING);
  at(90);
  expect((await startSession(bench)).state.toString("hex")).toBe(IDLE);
});

test("the status of a locked card and after SELECT holds no lease", async () => {
  const bench = await createBench();
  await bind(bench);
  await select(bench);
  expect(await readLease(bench)).toEqual(NOTHING);
  await bind(bench, { verdict: 0, lock: 1 });
  expect(await readLease(bench)).toEqual(NOTHING);
});
