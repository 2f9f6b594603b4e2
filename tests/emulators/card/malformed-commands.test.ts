import { expect, test } from "bun:test";
import { INS, TAG } from "#protocol/assigned-numbers";
import { element, seededRandom } from "./encoding-double.ts";
import {
  answerParts,
  AUTS,
  type Bench,
  bind,
  createBench,
  encodeApdus,
  issueResult,
  reachAnswered,
  RES,
  select,
  startData,
} from "./platform-double.ts";

const SEED = "malformed 1";
const COMMANDS = 100_000;
/** The kept record is read back, and the session set up anew, this often. */
const COMMANDS_PER_SETUP = 50;

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

test("I8: 100,000 malformed commands change neither epoch, floor nor lock, and never throw", async () => {
  const pick = seededPick(SEED);
  const bench = await createBench();
  // A stored proof, so that PROVE POSSESSION has no reason to write either.
  const prove = element(TAG.enrolmentChallenge, Buffer.alloc(16, 3));
  const [proveApdu = Buffer.alloc(0)] = encodeApdus({
    cla: 0x80,
    ins: INS.provePossession,
    p1p2: 0,
    data: prove,
  });
  await bench.card.transmit(proveApdu);
  let accepted = 0;
  const statusWords = new Map<number, number>();
  for (let sent = 0; sent < COMMANDS;) {
    const valid = listValidApdus(bench, await setUp(bench, pick));
    const kept = readKeptPages(bench);
    for (let i = 0; i < COMMANDS_PER_SETUP; i++, sent++) {
      const source = valid[pick(valid.length)] ?? proveApdu;
      const response = await bench.card.transmit(malform(source, pick));
      if (response.length < 2) throw new Error("response has no status word");
      const sw = ((response.at(-2) ?? 0) << 8) | (response.at(-1) ?? 0);
      if (sw === 0x9000 || sw >> 8 === 0x61) accepted += 1;
      statusWords.set(sw, (statusWords.get(sw) ?? 0) + 1);
    }
    if (readKeptPages(bench) !== kept) throw new Error(`kept record changed near ${sent}`);
    // A chain that is still open would swallow the next set-up's SELECT.
    await bench.card.transmit(Buffer.alloc(1));
  }
  const words = [...statusWords.keys()].map((sw) => sw.toString(16)).toSorted();
  process.stdout.write(
    `malformed commands, seed "${SEED}": ${COMMANDS} sent, ${accepted} accepted, ` +
      `${words.length} status words\n`,
  );
  expect(accepted).toBeGreaterThan(0);
  expect(accepted).toBeLessThan(COMMANDS / 4);
  for (const sw of ["6700", "6881", "6882", "6883", "6982", "6985", "6a80", "6a82", "6a86"]) {
    expect(words).toContain(sw);
  }
  for (const sw of ["6a88", "6d00", "6e00", "9000"]) expect(words).toContain(sw);
});
