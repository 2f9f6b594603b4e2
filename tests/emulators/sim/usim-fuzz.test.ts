/**
 * 100,000 seeded malformed APDUs: mutations of valid commands, and random bytes. The card never
 * throws, always answers at least a status word, and only AUTHENTICATE moves SEQ_MS, only VERIFY
 * and UNBLOCK PIN move the PIN.
 */
import { expect, test } from "bun:test";
import {
  SELECT_USIM,
  TEST_PROFILE,
  VERIFY_1234,
  createRandom,
  forgeAuthenticate,
  mutateFrame,
  randomBytes,
  send,
} from "./test-card.ts";
import { createUsim } from "./usim.ts";
import type { Usim } from "./usim.ts";

const APDU_COUNT = 100_000;
/** A fresh card now and then, or all would end with a blocked PIN. */
const APDUS_PER_CARD = 200;
const FRESH_VECTORS = 12;
/** It takes about two seconds; slow machines get more. */
const FUZZ_TIMEOUT_MS = 60_000;
const SEED = 20_261_122;
/** Longer than any short APDU (261 bytes). */
const RANDOM_BYTES_MAX = 300;

/** PUK 12345678, PIN 1234 again. */
const UNBLOCK_TO_1234 = "002c000110313233343536373831323334ffffffff";
const VALID_FRAMES = [
  "00a40004023f00",
  "00a40004026f07",
  "00a4040c07a0000000871002",
  "00a4080c047fff6fad",
  "00b0000009",
  "00b0830004",
  "00b2010c04",
  "00b201f42b",
  "00c0000017",
  "00c000002c",
  "80f2000c00",
  "80f2000112",
  "00200001",
  VERIFY_1234,
  UNBLOCK_TO_1234,
  SELECT_USIM,
];

/** Complete frames that may move state: AUTHENTICATE (with or without Le), VERIFY, UNBLOCK PIN. */
const SEQ_MOVER = /^008800812210.{32}10.{32}(..)?$/u;
const PIN_MOVER = /^00(20000108.{16}|2c000110.{32})$/u;

type Outcome = { accepted: number; seqMoves: number; pinMoves: number; statusWords: Set<string> };

/** The valid frames of one card: the fixed ones and AUTHENTICATE with fresh and stale SQNs. */
function drawFrames(random: () => number): readonly string[] {
  const authenticateFrames = Array.from({ length: FRESH_VECTORS }, (_, index) =>
    forgeAuthenticate(1 + index, random() & 31, randomBytes(random, 16).toHex()),
  );
  const stale = forgeAuthenticate(0, random() & 31, randomBytes(random, 16).toHex());
  const gsm = `008800801110${randomBytes(random, 16).toHex()}`;
  return [...VALID_FRAMES, ...authenticateFrames, stale, gsm];
}

function drawFrame(random: () => number, frames: readonly string[]): string {
  return frames[random() % frames.length] ?? "";
}

function drawMalformed(random: () => number, frames: readonly string[]): Uint8Array {
  if (random() % 5 === 0) return randomBytes(random, random() % RANDOM_BYTES_MAX);
  const frame = Uint8Array.fromHex(drawFrame(random, frames));
  const mutated = mutateFrame(random, frame, Uint8Array.fromHex(drawFrame(random, frames)));
  return frames.includes(mutated.toHex()) ? drawMalformed(random, frames) : mutated;
}

/** A card with PIN, in a random stage of a session; half of the cards have the GSM context too. */
function drawCard(random: () => number): Usim {
  const profile = { ...TEST_PROFILE, pin: "1234", puk: "12345678" };
  const usim = createUsim({ ...profile, gsmSecurityContext: random() % 2 === 0 });
  if (random() % 4 > 0) send(usim, SELECT_USIM);
  if (random() % 4 > 0) send(usim, VERIFY_1234);
  return usim;
}

/** Sends one APDU and checks what it may have changed; counts in `outcome`. */
function probe(usim: Usim, apdu: Uint8Array, outcome: Outcome): void {
  const before = usim.snapshot();
  const sent = apdu.toHex();
  const answer = usim.transmit(apdu).toHex();
  const after = usim.snapshot();
  const context = `apdu ${sent} answered ${answer}`;
  if (answer.length < 4 || apdu.toHex() !== sent) throw new Error(context);
  const seqMoved = JSON.stringify(before.seqMs) !== JSON.stringify(after.seqMs);
  const pinMoved = JSON.stringify(before.pin) !== JSON.stringify(after.pin);
  if (seqMoved && !(SEQ_MOVER.test(sent) && answer === "612c")) throw new Error(context);
  if (pinMoved && !PIN_MOVER.test(sent)) throw new Error(context);
  const statusWord = answer.slice(-4);
  if (statusWord === "9000" || statusWord.startsWith("61")) outcome.accepted += 1;
  outcome.seqMoves += Number(seqMoved);
  outcome.pinMoves += Number(pinMoved);
  outcome.statusWords.add(statusWord);
}

test(
  "100,000 malformed APDUs: no exception, an answer to each, no state moved by garbage",
  () => {
    const random = createRandom(SEED);
    const outcome: Outcome = { accepted: 0, seqMoves: 0, pinMoves: 0, statusWords: new Set() };
    let usim = drawCard(random);
    let frames = drawFrames(random);
    for (let count = 0; count < APDU_COUNT; count += 1) {
      if (count % APDUS_PER_CARD === 0) {
        usim = drawCard(random);
        frames = drawFrames(random);
      }
      // A valid command now and then keeps the session moving; only the malformed ones are counted.
      if (random() % 4 === 0) send(usim, drawFrame(random, frames));
      probe(usim, drawMalformed(random, frames), outcome);
    }
    const { accepted, seqMoves, pinMoves, statusWords } = outcome;
    process.stdout.write(
      `fuzz: ${APDU_COUNT} APDUs, seed ${SEED}: ${accepted} accepted (9000 or 61xx), ` +
        `${seqMoves} moved SEQ_MS, ${pinMoves} moved the PIN, ${statusWords.size} status words\n`,
    );
    // Control: the mutations reach every command behind the header checks, or the fuzz shows
    // nothing.
    expect(accepted).toBeGreaterThan(1000);
    expect(seqMoves).toBeGreaterThan(10);
    expect(pinMoves).toBeGreaterThan(10);
    const deepest = [
      "612c",
      "6110",
      "610e",
      "9862",
      "9864",
      "6982",
      "6983",
      "6985",
      "6a80",
      "6b00",
    ];
    expect([...statusWords]).toEqual(expect.arrayContaining(deepest));
  },
  FUZZ_TIMEOUT_MS,
);
