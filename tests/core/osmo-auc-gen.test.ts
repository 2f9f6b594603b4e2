// Milenage against osmo-auc-gen of libosmocore, an independent implementation, both as the home
// network (vectors) and on re-synchronisation (AUTS, TS 33.102 clauses 6.3.3 and 6.3.5).

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { deriveOpc, generateVector, milenage, openAuts } from "#wasm";
import { SeededRandom } from "./random.ts";

const SEED = 0x35206;
const CASES = 1000;
const PROCESSES_AT_ONCE = 8;
const TIMEOUT_MILLISECONDS = 60_000; // seconds suffice; the machine may be busy

setDefaultTimeout(TIMEOUT_MILLISECONDS);

const program = Bun.which("osmo-auc-gen");
if (program === null) process.stdout.write("SKIP osmo-auc-gen-absent: Milenage oracle\n");

interface Case {
  k: Uint8Array;
  /** OP or OPc, as the oracle is told */
  operator: Uint8Array;
  operatorIsOpc: boolean;
  opc: Uint8Array;
  rand: Uint8Array;
  sqn: Uint8Array;
  amf: Uint8Array;
}

function makeCase(random: SeededRandom): Case {
  const k = random.bytes(16);
  const operator = random.bytes(16);
  const operatorIsOpc = random.below(2) === 1;
  const opc = operatorIsOpc ? operator : deriveOpc(k, operator);
  const rand = random.bytes(16);
  return {
    k,
    operator,
    operatorIsOpc,
    opc,
    rand,
    sqn: random.bytes(6),
    amf: random.bytes(2),
  };
}

/** Runs the oracle; the fields it prints by name, or undefined if it refuses. */
async function oracle(
  input: Case,
  extra: readonly string[],
): Promise<Map<string, string> | undefined> {
  const operatorFlag = input.operatorIsOpc ? "-o" : "-O";
  const keys = ["-k", input.k.toHex(), operatorFlag, input.operator.toHex()];
  const challenge = ["-f", input.amf.toHex(), "-r", input.rand.toHex()];
  const child = Bun.spawn(
    [program ?? "", "-3", "-a", "MILENAGE", "-l", "0", ...keys, ...challenge, ...extra],
    { stdout: "pipe", stderr: "ignore" },
  );
  const output = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) return undefined;
  const lines = output.matchAll(/^([A-Z.]+):\t(\S+)$/gmu);
  return new Map(Array.from(lines, ([, name = "", value = ""]) => [name, value]));
}

function decimal(sqn: Uint8Array): string {
  return BigInt(`0x${sqn.toHex()}`).toString();
}

/** AUTS as the card makes it: (SQN_MS ^ AK*) || MAC-S with AMF* = 0000. */
function makeAuts(input: Case): Uint8Array {
  const { akStar, macS } = milenage(input.k, input.opc, input.rand, input.sqn, new Uint8Array(2));
  const concealed = input.sqn.map((byte, index) => byte ^ (akStar[index] ?? 0));
  return Uint8Array.from([...concealed, ...macS]);
}

/** Runs a check on all cases, several at a time, and returns how many passed. */
async function countPassed(
  cases: readonly Case[],
  check: (input: Case, index: number) => Promise<void>,
): Promise<number> {
  let next = 0;
  let passed = 0;
  const worker = async (): Promise<void> => {
    while (next < cases.length) {
      const index = next;
      next += 1;
      const input = cases[index];
      if (input === undefined) throw new RangeError("no case");
      await check(input, index);
      passed += 1;
    }
  };
  await Promise.all(Array.from({ length: PROCESSES_AT_ONCE }, worker));
  return passed;
}

describe.skipIf(program === null)("osmo-auc-gen", () => {
  const random = new SeededRandom(SEED);
  const cases = Array.from({ length: CASES }, () => makeCase(random));

  test("the same vector for the same K, OP or OPc, AMF, SQN and RAND", async () => {
    const passed = await countPassed(cases, async (input) => {
      const theirs = await oracle(input, ["-s", decimal(input.sqn)]);
      const ours = generateVector(input.k, input.opc, input.rand, input.sqn, input.amf);
      expect(theirs?.get("RAND")).toBe(ours.rand.toHex());
      expect(theirs?.get("AUTN")).toBe(ours.autn.toHex());
      expect(theirs?.get("CK")).toBe(ours.ck.toHex());
      expect(theirs?.get("IK")).toBe(ours.ik.toHex());
      expect(theirs?.get("RES")).toBe(ours.xres.toHex());
      expect(theirs?.get("SQN")).toBe(decimal(input.sqn));
    });
    expect(passed).toBe(CASES);
    process.stdout.write(`osmo-auc-gen vectors: seed ${SEED}, ${passed} of ${CASES}\n`);
  });

  test("an AUTS opens to the same SQN_MS in both", async () => {
    const passed = await countPassed(cases, async (input) => {
      const auts = makeAuts(input);
      const theirs = await oracle(input, ["-A", auts.toHex()]);
      expect(theirs?.get("SQN.MS")).toBe(decimal(input.sqn));
      expect(openAuts(input.k, input.opc, input.rand, auts)).toEqual(input.sqn);
    });
    expect(passed).toBe(CASES);
    process.stdout.write(`osmo-auc-gen AUTS accepted: seed ${SEED}, ${passed} of ${CASES}\n`);
  });

  test("an AUTS with one bit changed is refused by both", async () => {
    const passed = await countPassed(cases, async (input, index) => {
      const auts = makeAuts(input);
      const bit = index % (8 * auts.length);
      auts[bit >> 3] = (auts[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(await oracle(input, ["-A", auts.toHex()])).toBeUndefined();
      expect(openAuts(input.k, input.opc, input.rand, auts)).toBeUndefined();
    });
    expect(passed).toBe(CASES);
    process.stdout.write(`osmo-auc-gen AUTS refused: seed ${SEED}, ${passed} of ${CASES}\n`);
  });
});
