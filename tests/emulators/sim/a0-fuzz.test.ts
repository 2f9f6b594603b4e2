/**
 * 50,000 seeded malformed APDUs for the SIM and as many for the R-UIM: mutations of valid commands,
 * and random bytes. The card never throws, always answers at least a status word, and only VERIFY
 * and UNBLOCK CHV move CHV1, only CONFIRM SSD moves SSD.
 */
import { expect, test } from "bun:test";
import { createSim } from "./sim.ts";
import type { Sim } from "./sim.ts";
import {
  TEST_KEYS,
  TEST_PROFILE,
  createRandom,
  mutateFrame,
  randomBytes,
  send,
} from "./test-card.ts";
import { createUim } from "./uim.ts";
import type { Uim } from "./uim.ts";

const APDU_COUNT = 50_000;
/** A fresh card now and then, or all would end with a blocked CHV1. */
const APDUS_PER_CARD = 200;
const FUZZ_TIMEOUT_MS = 60_000;
const SEED = 20_261_125;
/** Longer than any short APDU (261 bytes). */
const RANDOM_BYTES_MAX = 300;
const AUTHBS = "01df1f";

const VERIFY_1234 = "a02000010831323334ffffffff";
const SELECT_DF_GSM = "a0a40000027f20";
const SELECT_DF_CDMA = "a0a40000027f25";
const COMMON_FRAMES = [
  "a0a40000023f00",
  "a0a40000022fe2",
  "a0b0000009",
  "a0b0000104",
  "a0c000000c",
  "a0c0000003",
  "a0f2000016",
  VERIFY_1234,
  // UNBLOCK CHV 12345678, CHV1 1234 again.
  "a02c000010313233343536373831323334ffffffff",
];
const SIM_FRAMES = [
  ...COMMON_FRAMES,
  SELECT_DF_GSM,
  "a0a40000026f07",
  "a08800001023553cbe9637a89d218ae64dae47bf35",
];
const UIM_FRAMES = [
  ...COMMON_FRAMES,
  SELECT_DF_CDMA,
  "a0a40000026f22",
  "a08800001100000000640000000000000000a1a2a3a4",
  "a08a00000401020304",
  "a08400000f1122334455667700000000a1a2a3a4",
  `a082000003${AUTHBS}`,
  "a080040011c4dec4da1bf3c83b848db559c04cc3ed60",
  "a080000012c400dec4da1bf3c83b848db559c04cc3ed60",
];
const CHV_MOVER = /^a0(20000108.{16}|2c000010.{32})$/u;
const SSD_MOVER = new RegExp(`^a082000003${AUTHBS}$`, "u");

type State = { readonly pin: unknown; readonly ssdA?: string };
type Module = Pick<Sim | Uim, "transmit"> & { readonly snapshot: () => State };
type Outcome = { accepted: number; chvMoves: number; statusWords: Set<string> };

function drawFrame(random: () => number, frames: readonly string[]): string {
  return frames[random() % frames.length] ?? "";
}

function drawMalformed(random: () => number, frames: readonly string[]): Uint8Array {
  if (random() % 5 === 0) return randomBytes(random, random() % RANDOM_BYTES_MAX);
  const frame = Uint8Array.fromHex(drawFrame(random, frames));
  const mutated = mutateFrame(random, frame, Uint8Array.fromHex(drawFrame(random, frames)));
  return frames.includes(mutated.toHex()) ? drawMalformed(random, frames) : mutated;
}

/** Sends one APDU and checks what it may have changed; counts in `outcome`. */
function probe(module: Module, apdu: Uint8Array, outcome: Outcome): void {
  const before = module.snapshot();
  const sent = apdu.toHex();
  const answer = module.transmit(apdu).toHex();
  const after = module.snapshot();
  const context = `apdu ${sent} answered ${answer}`;
  if (answer.length < 4 || apdu.toHex() !== sent) throw new Error(context);
  const chvMoved = JSON.stringify(before.pin) !== JSON.stringify(after.pin);
  if (chvMoved && !CHV_MOVER.test(sent)) throw new Error(context);
  if (before.ssdA !== after.ssdA && !SSD_MOVER.test(sent)) throw new Error(context);
  const statusWord = answer.slice(-4);
  if (statusWord === "9000" || statusWord.startsWith("9f")) outcome.accepted += 1;
  outcome.chvMoves += Number(chvMoved);
  outcome.statusWords.add(statusWord);
}

function fuzz(
  name: string,
  frames: readonly string[],
  drawCard: (random: () => number) => Module,
): Outcome {
  const random = createRandom(SEED);
  const outcome: Outcome = { accepted: 0, chvMoves: 0, statusWords: new Set() };
  let module = drawCard(random);
  for (let count = 0; count < APDU_COUNT; count += 1) {
    if (count % APDUS_PER_CARD === 0) module = drawCard(random);
    // A valid command now and then keeps the session moving; only the malformed ones are counted.
    if (random() % 3 === 0) send(module, drawFrame(random, frames));
    probe(module, drawMalformed(random, frames), outcome);
  }
  process.stdout.write(
    `fuzz of the ${name}: ${APDU_COUNT} APDUs, seed ${SEED}: ${outcome.accepted} accepted (9000 ` +
      `or 9Fxx), ${outcome.chvMoves} moved CHV1, ${outcome.statusWords.size} status words\n`,
  );
  return outcome;
}

const IDENTITY = { imsi: TEST_PROFILE.imsi, iccid: TEST_PROFILE.iccid } as const;
const CHV = { pin: "1234", puk: "12345678" } as const;

/** A card with CHV1, in a random stage of a session. */
function drawSim(random: () => number): Module {
  const keys = { ki: TEST_KEYS.k, opc: TEST_KEYS.opc };
  const algorithm = random() % 2 === 0 ? "gsm-milenage" : "comp128-1";
  const sim = createSim({ ...IDENTITY, ...CHV, ...keys, mncLength: 2, algorithm });
  if (random() % 4 > 0) send(sim, SELECT_DF_GSM);
  if (random() % 4 > 0) send(sim, VERIFY_1234);
  return sim;
}

function drawUim(random: () => number): Module {
  const uim = createUim({
    ...IDENTITY,
    ...CHV,
    // With this IMSI, the A-key and RANDBS of the example session the right AUTHBS is known.
    imsi: "255074400077067",
    uimId: Uint8Array.fromHex("a1a2a3a4"),
    aKey: Uint8Array.fromHex("0102030405060708"),
    hrpdSecret: randomBytes(random, 16),
    random: () => Uint8Array.fromHex("cbfcb9ba"),
  });
  if (random() % 4 > 0) send(uim, SELECT_DF_CDMA);
  if (random() % 4 > 0) send(uim, VERIFY_1234);
  return uim;
}

test(
  "SIM: no exception, an answer to each, no state moved by garbage",
  () => {
    const { accepted, chvMoves, statusWords } = fuzz("SIM", SIM_FRAMES, drawSim);
    // Control: the mutations reach every command behind the header checks, or the fuzz shows
    // nothing.
    expect(accepted).toBeGreaterThan(1000);
    expect(chvMoves).toBeGreaterThan(10);
    const deepest = ["9f0c", "9f16", "9f0f", "9400", "9404", "9804", "9840", "6b00", "6710"];
    expect([...statusWords]).toEqual(expect.arrayContaining(deepest));
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "R-UIM: no exception, an answer to each, no state moved by garbage",
  () => {
    const { accepted, chvMoves, statusWords } = fuzz("R-UIM", UIM_FRAMES, drawUim);
    expect(accepted).toBeGreaterThan(1000);
    expect(chvMoves).toBeGreaterThan(10);
    const deepest = ["9f03", "9f04", "9f10", "9804", "9834", "9404", "6f00", "6b00", "6711"];
    expect([...statusWords]).toEqual(expect.arrayContaining(deepest));
  },
  FUZZ_TIMEOUT_MS,
);
