/**
 * The card against vectors of osmo-auc-gen (libosmocore), a foreign AuC implementation: what it
 * generates the card accepts with the same RES, CK, IK and Kc, and the AUTS of the card it accepts
 * with the same SQN.MS.
 */
import { expect, test } from "bun:test";
import { computeOpc } from "./milenage.ts";
import {
  createRandom,
  createUsimInAdf,
  exchange,
  frameAuthenticate,
  randomBytes,
} from "./test-card.ts";

const VECTOR_COUNT = 100;
const AUTS_COUNT = 20;
/** A process for each vector. */
const OSMO_TIMEOUT_MS = 60_000;
const OSMO_AUC_GEN = Bun.which("osmo-auc-gen");

/** Values by label, lower case: {"RAND": "..", "AUTN": "..", "SQN": "64"}. Throws on a refusal. */
function runAucGen(args: readonly string[]): ReadonlyMap<string, string> {
  if (OSMO_AUC_GEN === null) throw new Error("osmo-auc-gen is absent");
  const { stdout, stderr, exitCode } = Bun.spawnSync([OSMO_AUC_GEN, ...args]);
  if (exitCode !== 0) throw new Error(`osmo-auc-gen: ${stderr.toString()}`);
  const lines = stdout.toString().matchAll(/^([\w.]+):\s+(\S+)$/gmu);
  return new Map([...lines].map(([, label, value]) => [label ?? "", value ?? ""]));
}

function testWithAucGen(name: string, run: () => void): void {
  if (OSMO_AUC_GEN === null) process.stdout.write(`SKIP osmo-auc-gen-absent: ${name}\n`);
  test.skipIf(OSMO_AUC_GEN === null)(name, run, OSMO_TIMEOUT_MS);
}

/** A random subscriber and challenge; SEQ stays within Delta of a new card. */
function drawCase(random: () => number) {
  const [k, op, rand] = [16, 16, 16].map((length) => randomBytes(random, length));
  if (k === undefined || op === undefined || rand === undefined) throw new Error("no bytes");
  const seq = 2 + (random() % (2 ** 28 - 2));
  const ind = random() % 32;
  const amf = randomBytes(random, 2).toHex();
  return { k, op, rand: rand.toHex(), seq, ind, amf };
}

testWithAucGen("100 random vectors give the same RES, CK, IK and Kc", () => {
  const random = createRandom(20_261_122);
  for (let count = 0; count < VECTOR_COUNT; count += 1) {
    const { k, op, rand, seq, ind, amf } = drawCase(random);
    const opc = computeOpc(k, op);
    const key = count % 2 === 0 ? ["-O", op.toHex()] : ["-o", opc.toHex()];
    const sqn = String(seq * 32 + ind);
    const base = ["-3", "-a", "MILENAGE", "-k", k.toHex(), "-f", amf, "-l", "0"];
    const vector = runAucGen([...base, ...key, "-s", sqn, "-r", rand]);
    expect(vector.get("SQN")).toBe(sqn);
    const usim = createUsimInAdf({ k, opc, gsmAccess: true });
    const response = exchange(usim, frameAuthenticate(rand, vector.get("AUTN") ?? ""));
    const [res, ck, ik] = ["RES", "CK", "IK"].map((label) => vector.get(label) ?? "");
    expect(response).toBe(`db08${res}10${ck}10${ik}08${vector.get("Kc")}9000`);
    expect(usim.snapshot().seqMs[ind]).toBe(seq);
  }
});

testWithAucGen("20 AUTS are accepted with the SQN.MS of the card", () => {
  const random = createRandom(102);
  for (let count = 0; count < AUTS_COUNT; count += 1) {
    const { k, op, rand, seq, ind, amf } = drawCase(random);
    const opc = computeOpc(k, op);
    const seqMs = Array.from({ length: 32 }, (_, index) => (index === ind ? seq : 0));
    const usim = createUsimInAdf({ k, opc, seqMs });
    const base = ["-3", "-a", "MILENAGE", "-k", k.toHex(), "-o", opc.toHex()];
    const replay = ["-f", amf, "-l", "0", "-s", String(seq * 32 + ind), "-r", rand];
    const autn = runAucGen([...base, ...replay]).get("AUTN") ?? "";
    const response = exchange(usim, frameAuthenticate(rand, autn));
    expect(response).toStartWith("dc0e");
    const auts = response.slice(4, -4);
    const resync = runAucGen([...base, "-f", amf, "-A", auts, "-r", rand]);
    expect(resync.get("SQN.MS")).toBe(String(seq * 32 + ind));
  }
});
