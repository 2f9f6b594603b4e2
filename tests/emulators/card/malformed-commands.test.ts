import { expect, test } from "bun:test";
import { INS, SW, TAG } from "#protocol/assigned-numbers";
import { element, seededRandom } from "./encoding-double.ts";
import {
  type Bench,
  createBench,
  encodeApdus,
  encodeExtended,
  nameOf,
  readStatus,
  select,
  type Variant,
} from "./bench-double.ts";
import {
  answerData,
  answerRound,
  AUTS,
  issueChallenge,
  type PlatformSession,
  RES,
  startData,
  startSession,
} from "./platform-double.ts";
import { bind, issueResult, issueUnlock, prove, sendUnlock } from "./result-double.ts";

const SEED = "malformed 1";
/** Malformed commands to each card, unlocked and locked: 100,000 in all. */
const CARDS: readonly (readonly [Variant, unlocked: number, locked: number])[] = [
  [{ suite: "P-256", mode: "signed", kind: "TF" }, 45_000, 5_000],
  [{ suite: "P-256", mode: "encrypted", kind: "SD" }, 15_000, 2_500],
  [{ suite: "AES", mode: "encrypted", kind: "TF" }, 10_000, 2_500],
  [{ suite: "SM", mode: "encrypted", kind: "SD" }, 4_000, 1_000],
  [{ suite: "SM4", mode: "signed", kind: "SD" }, 4_000, 1_000],
  [{ suite: "RSA-2048", mode: "encrypted", kind: "TF" }, 4_000, 1_000],
  [{ suite: "RSA-2048-PKCS1", mode: "signed", kind: "TF" }, 4_000, 1_000],
];
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

/** Data fields of the binding commands, each good in some state but never one that is stored. */
type Prepared = readonly (readonly [ins: number, data: Buffer])[];

/** One APDU of each valid command, in pieces on a TF card. */
function listValidApdus(bench: Bench, prepared: Prepared): Buffer[] {
  const pso = INS.performSecurityOperation;
  const encode = bench.variant.kind === "TF" ? encodeApdus : encodeWhole;
  const proprietary: Prepared = [
    [INS.startSession, startData(bench, { token: Buffer.alloc(40, 1) })],
    [INS.startSession, startData(bench, { token: Buffer.alloc(200, 1) })],
    [INS.provePossession, element(TAG.enrolmentChallenge, Buffer.alloc(16, 3))],
    ...prepared,
  ];
  const fixed = ["00ca00802d", "00ca00c900", "00ca7f2100", "00c0000000"];
  const select9 = "00a4040009f053494d4c41544348";
  return [
    ...proprietary.flatMap(([ins, data]) => encode({ cla: 0x80, ins, p1p2: 0, data })),
    ...[0x9e9a, 0x8680, 0x8086].flatMap((p1p2) =>
      encode({ cla: 0, ins: pso, p1p2, data: Buffer.alloc(60, 4) }),
    ),
    ...encode({ cla: 0, ins: pso, p1p2: 0x9e9a, data: Buffer.alloc(300, 4) }),
    ...[...fixed, select9].map((text) => Buffer.from(text, "hex")),
  ];
}

const encodeWhole = (input: Parameters<typeof encodeExtended>[0]): Buffer[] => [
  encodeExtended(input),
];

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
async function setUp(bench: Bench, pick: Pick): Promise<Prepared> {
  await select(bench);
  if (pick(2) === 0) await bind(bench, { uses: 0xffffffff });
  const opened = await startSession(bench);
  const session = await answerRound(bench, opened, 0, AUTS);
  const bad = [
    { nonce: Buffer.alloc(16) },
    { epoch: 0 },
    { floor: 2 },
    { cardId: "0000000000000000" },
    { isForged: true },
  ][pick(5)];
  const verdict = pick(2);
  const result = issueResult(bench, session, { verdict, lock: 1 - verdict, ...bad }).data;
  return [...listRounds(bench, session), [INS.result, result]];
}

/** ANSWER of two kinds and, in encrypted mode, the next challenge; an unlock nobody ordered. */
function listRounds(bench: Bench, session: PlatformSession): Prepared {
  const isEncrypted = session.mode === "encrypted" && session.round >= 0;
  const unlock = issueUnlock(bench, { ...session, state: Buffer.alloc(17) }, { isForged: true });
  return [
    [INS.answer, answerData(session, session.round + 1, RES)],
    [INS.answer, answerData(session, session.round + 1, AUTS)],
    ...(isEncrypted
      ? [[INS.openChallenge, issueChallenge(bench, session, session.round + 1).data] as const]
      : []),
    [INS.unlock, unlock.data],
  ];
}

function readKeptPages(bench: Bench): string {
  const pages = [0, 1, 2, 3, 4, 5, 6].map((page) => Buffer.from(bench.memory.readPage(page)));
  return Buffer.concat(pages).toString("hex");
}

/** A locked card: a session is open, and neither result nor good unlock will ever come. */
async function setUpLocked(bench: Bench): Promise<Prepared> {
  await select(bench);
  const session = await startSession(bench);
  return [...listRounds(bench, session), [INS.result, answerData(session, 0, RES)]];
}

type Tally = { accepted: number; readonly statusWords: Map<number, number> };

/** Sends `count` malformed commands; throws when the kept record changed meanwhile. */
async function sendMalformed(
  bench: Bench,
  pick: Pick,
  count: number,
  prepare: () => Promise<Prepared>,
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
async function createProvenBench(variant: Variant): Promise<Bench> {
  const bench = await createBench({ variant });
  await prove(bench, 3);
  return bench;
}

function report(name: string, count: number, tally: Tally): string[] {
  const words = [...tally.statusWords.keys()].map((sw) => sw.toString(16).padStart(4, "0"));
  process.stdout.write(
    `malformed commands, ${name}, seed "${SEED}": ${count} sent, ` +
      `${tally.accepted} accepted, ${words.length} different status words\n`,
  );
  return words;
}

for (const [variant, commands, commandsToLocked] of CARDS) {
  const name = nameOf(variant);
  test(
    `I8: malformed commands change neither epoch, floor nor lock, and never throw: ${name}`,
    async () => {
      const pick = seededPick(SEED);
      const bench = await createProvenBench(variant);
      const tally = await sendMalformed(bench, pick, commands, () => setUp(bench, pick));
      const words = report(name, commands, tally);
      expect(tally.accepted).toBeGreaterThan(0);
      expect(tally.accepted).toBeLessThan(commands / 3);
      for (const sw of ["9000", "6700", "6881", "6882", "6982", "6985"]) {
        expect(words).toContain(sw);
      }
      for (const sw of ["6a80", "6a82", "6a86", "6a88", "6d00", "6e00"])
        expect(words).toContain(sw);
      expect(words).toContain(variant.kind === "TF" ? "6883" : "6884");

      // A lock that verifies still works, and is seen by the comparison used above.
      const before = readKeptPages(bench);
      await select(bench);
      const { state } = await bind(bench, { verdict: 0, lock: 1 });
      expect(readKeptPages(bench)).not.toBe(before);
      const prepare = (): Promise<Prepared> => setUpLocked(bench);
      const locked = await sendMalformed(bench, pick, commandsToLocked, prepare);
      report(`${name}, locked`, commandsToLocked, locked);
      expect(locked.statusWords.get(SW.blocked)).toBeGreaterThan(0);
      expect(locked.accepted).toBeGreaterThan(0);
      await select(bench);
      expect((await readStatus(bench)).state).toBe(state);
      const unlock = issueUnlock(bench, await startSession(bench));
      expect((await sendUnlock(bench, unlock)).state).toBe("00");
    },
    TIMEOUT_MILLISECONDS,
  );
}

test("100,000 malformed commands in all", () => {
  const sent = CARDS.reduce((sum, [, unlocked, locked]) => sum + unlocked + locked, 0);
  expect(sent).toBe(100_000);
});
