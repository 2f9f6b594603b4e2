/** The SIM against osmo-auc-gen (libosmocore), a foreign authentication centre. */
import { expect, test } from "bun:test";
import { createSim } from "./sim.ts";
import type { SimProfile } from "./sim.ts";
import { TEST_PROFILE, createRandom, exchangeA0, randomBytes, send } from "./test-card.ts";

const TRIPLET_COUNT = 50;
/** A process for each triplet. */
const OSMO_TIMEOUT_MS = 60_000;
const OSMO_AUC_GEN = Bun.which("osmo-auc-gen");

type Algorithm = SimProfile["algorithm"];

/** SRES and Kc as it prints them, lower case; COMP128 from Ki, GSM-Milenage from K and OPc. */
function runAucGen(algorithm: Algorithm, ki: string, opc: string, rand: string): string {
  if (OSMO_AUC_GEN === null) throw new Error("osmo-auc-gen is absent");
  const name = algorithm.replace("comp128-", "COMP128v");
  const args =
    algorithm === "gsm-milenage"
      ? ["-3", "-a", "MILENAGE", "-o", opc, "-f", "0000", "-s", "0"]
      : ["-2", "-a", name];
  const { stdout, stderr, exitCode } = Bun.spawnSync([OSMO_AUC_GEN, ...args, "-k", ki, "-r", rand]);
  if (exitCode !== 0) throw new Error(`osmo-auc-gen: ${stderr.toString()}`);
  const values = new Map(
    [...stdout.toString().matchAll(/^(\w+):\s+(\S+)$/gmu)].map(([, label, value]) => [
      label,
      value,
    ]),
  );
  return `${values.get("SRES")}${values.get("Kc")}`;
}

for (const algorithm of ["comp128-1", "comp128-2", "comp128-3", "gsm-milenage"] as const) {
  const name = `${TRIPLET_COUNT} random triplets of ${algorithm} are the same`;
  if (OSMO_AUC_GEN === null) process.stdout.write(`SKIP osmo-auc-gen-absent: ${name}\n`);
  test.skipIf(OSMO_AUC_GEN === null)(
    name,
    () => {
      const random = createRandom(20_261_125);
      for (let count = 0; count < TRIPLET_COUNT; count += 1) {
        const ki = randomBytes(random, 16);
        const opc = randomBytes(random, 16);
        const rand = randomBytes(random, 16).toHex();
        const { imsi, iccid } = TEST_PROFILE;
        const sim = createSim({ imsi, iccid, mncLength: 2, algorithm, ki, opc });
        send(sim, "a0a40000027f20");
        const triplet = runAucGen(algorithm, ki.toHex(), opc.toHex(), rand);
        expect(exchangeA0(sim, `a088000010${rand}`)).toBe(`${triplet}9000`);
      }
    },
    OSMO_TIMEOUT_MS,
  );
}
