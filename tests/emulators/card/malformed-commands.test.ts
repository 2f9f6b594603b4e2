import { expect, test } from "bun:test";
import { INS, SW, TAG } from "#protocol/assigned-numbers";
import { element, seededRandom } from "./encoding-double.ts";
import {
  answerParts,
  AUTS,
  type Bench,
  bind,
  createBench,
  encodeApdus,
  exchange,
  issueResult,
  reachAnswered,
  readStatus,
  RES,
  select,
  startData,
  startSession,
} from "./platform-double.ts";

const SEED = "malformed 1";
/** On a card that is idle or serving, and on a locked one: 100,000 in all. */
const COMMANDS = 90_000;
const COMMANDS_TO_LOCKED = 10_000;
const TIMEOUT_MILLISECONDS = 60_000;
/** The kept record is read back, and the session set up anew, this often. */
const COMMANDS_PER_SETUP = 100;

type Pick = (below: number) => number;

function seededPick(seed: string): Pick {
  const random = seededRandom(seed);
  let pool = random(4096);
  let used = 0;
  return (below) => {
    if (used + 4 > pool.length) {
      pool = random(4096);
      used = 0;
    }
    const value = new DataView(pool.buffer).getUint32(used);
    used += 4;
    return value % below;
  };
}

/** One APDU of each valid command; the result is by a key that the card has no reason to trust. */
function listValidApdus(bench: Bench, resultData: Buffer): Buffer[] {
  const pso = INS.performSecurityOperation;
  const answers = [RES, AUTS].map((answer) => Buffer.concat(answerParts(0, answer)));
  const proprietary = [
    [INS.startSession, startData(bench, { token: Buffer.alloc(40, 1) })],
    [INS.startSession, startData(bench, { token: Buffer.alloc(200, 1) })],
    ...answers.map((data) => [INS.answer, data] as const),
    [INS.result, resultData],
    [INS.provePossession, element(TAG.enrolmentChallenge, Buffer.alloc(16, 3))],
  ] as const;
  const select9 = Buffer.from("00a4040009f053494d4c41544348", "hex");
  return [
    ...proprietary.flatMap(([ins, data]) => encodeApdus({ cla: 0x80, ins, p1p2: 0, data })),
    ...[0x9e9a, 0x8680, 0x8086].flatMap((p1p2) =>
      encodeApdus({ cla: 0, ins: pso, p1p2, data: Buffer.alloc(60, 4) }),
    ),
    ...encodeApdus({ cla: 0, ins: pso, p1p2: 0x9e9a, data: Buffer.alloc(300, 4) }),
    ...["00ca00802c", "00ca00c900", "00ca7f2100", "00c0000000"].map((text) =>
      Buffer.from(text, "hex"),
    ),
    select9,
  ];
}

/** `valid` spoiled in one of seven ways, or bytes from nowhere. */
function malform(valid: Buffer, pick: Pick): Buffer {
  const bytes = Buffer.from(valid);
  const at = pick(bytes.length);
  switch (pick(8)) {
    case 0:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << pick(8));
      return bytes;
    case 1:
      bytes[pick(Math.min(5, bytes.length))] = pick(256);
      return bytes;
    case 2:
      return bytes.subarray(0, at);
    case 3:
      return Buffer.concat([bytes, Buffer.alloc(1 + pick(3), pick(256))]);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), Uint8Array.of(pick(256)), bytes.subarray(at)]);
    case 5:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
    case 6:
      return withoutByteOfData(bytes, at);
    default:
      return Buffer.from(Array.from({ length: pick(300) }, () => pick(256)));
  }
}

/** Lc corrected for a byte less, so that the TLV decoder and not the transport must refuse. */
function withoutByteOfData(bytes: Buffer, at: number): Buffer {
  if (bytes.length < 7 || at < 5) return bytes.subarray(0, 1);
  const shorter = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
  shorter[4] = (shorter[4] ?? 1) - 1;
  return shorter;
}

/** Puts the card into one of its states; what it then keeps must outlive all that follows. */
async function setUp(bench: Bench, pick: Pick): Promise<Buffer> {
  await select(bench);
  if (pick(2) === 0) await bind(bench, { uses: 0xffffffff });
  const session = await reachAnswered(bench);
  const bad = [
    { nonce: Buffer.alloc(16) },
    { epoch: 0 },
    { floor: 2 },
    { cardId: "0000000000000000" },
    { platformKey: bench.anchor },
  ][pick(5)];
  const verdict = pick(2);
  return issueResult(bench, session, { verdict, lock: 1 - verdict, ...bad }).data;
}

function readKeptPages(bench: Bench): string {
  const pages = [0, 1, 2, 3, 4, 5].map((page) => Buffer.from(bench.memory.readPage(page)));
  return Buffer.concat(pages).toString("hex");
}

/** A locked card: a session is open, and no result will ever be due. */
async function setUpLocked(bench: Bench): Promise<Buffer> {
  await select(bench);
  const session = await startSession(bench);
  return issueResult(bench, session, { verdict: 1 }).data;
}

type Tally = { accepted: number; readonly statusWords: Map<number, number> };

/** Sends `count` malformed commands; throws when the kept record changed meanwhile. */
async function sendMalformed(
  bench: Bench,
  pick: Pick,
  count: number,
  prepare: () => Promise<Buffer>,
): Promise<Tally> {
  const tally: Tally = { accepted: 0, statusWords: new Map() };
  for (let sent = 0; sent < count;) {
    const valid = listValidApdus(bench, await prepare());
    const kept = readKeptPages(bench);
    for (let i = 0; i < COMMANDS_PER_SETUP; i++, sent++) {
      const source = valid[pick(valid.length)] ?? Buffer.alloc(4);
      const response = Buffer.from(await bench.card.transmit(malform(source, pick)));
      // Throws for a response that is too short to hold a status word.
      const sw = response.readUInt16BE(response.length - 2);
      if (sw === SW.success || sw >> 8 === SW.bytesRemaining >> 8) tally.accepted += 1;
      tally.statusWords.set(sw, (tally.statusWords.get(sw) ?? 0) + 1);
    }
    if (readKeptPages(bench) !== kept) throw new Error(`kept record changed before ${sent}`);
    // A chain that is still open would swallow the next set-up's SELECT.
    await bench.card.transmit(Buffer.alloc(1));
  }
  return tally;
}

/** A stored proof, so that PROVE POSSESSION has no reason to write afterwards. */
async function createProvenBench(): Promise<Bench> {
  const bench = await createBench();
  const data = element(TAG.enrolmentChallenge, Buffer.alloc(16, 3));
  await exchange(bench, { cla: 0x80, ins: INS.provePossession, p1p2: 0, data });
  return bench;
}

function report(name: string, count: number, tally: Tally): string[] {
  const words = [...tally.statusWords.keys()].map((sw) => sw.toString(16).padStart(4, "0"));
  process.stdout.write(
    `malformed commands, ${name} card, seed "${SEED}": ${count} sent, ` +
      `${tally.accepted} accepted, ${words.length} different status words\n`,
  );
  return words;
}

test(
  "I8: 100,000 malformed commands change neither epoch, floor nor lock, and never throw",
  async () => {
    const pick = seededPick(SEED);
    const bench = await createProvenBench();
    const tally = await sendMalformed(bench, pick, COMMANDS, () => setUp(bench, pick));
    const words = report("unlocked", COMMANDS, tally);
    expect(tally.accepted).toBeGreaterThan(0);
    expect(tally.accepted).toBeLessThan(COMMANDS / 4);
    expect(words).toContain("9000");
    for (const sw of ["6700", "6881", "6882", "6883", "6982", "6985"]) expect(words).toContain(sw);
    for (const sw of ["6a80", "6a82", "6a86", "6a88", "6d00", "6e00"]) expect(words).toContain(sw);

    // A lock that verifies still works, and is seen by the comparison used above.
    const before = readKeptPages(bench);
    await select(bench);
    const { state } = await bind(bench, { verdict: 0, lock: 1 });
    expect(readKeptPages(bench)).not.toBe(before);
    const prepare = (): Promise<Buffer> => setUpLocked(bench);
    const locked = await sendMalformed(bench, pick, COMMANDS_TO_LOCKED, prepare);
    report("locked", COMMANDS_TO_LOCKED, locked);
    expect(locked.statusWords.get(SW.blocked)).toBeGreaterThan(0);
    expect(locked.accepted).toBeGreaterThan(0);
    await select(bench);
    expect((await readStatus(bench)).state).toBe(state);
  },
  TIMEOUT_MILLISECONDS,
);
