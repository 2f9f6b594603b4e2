/**
 * A SIM behind a transmit function (TS 51.011): EF_IMSI is read (10.3.2) and RUN GSM ALGORITHM
 * (8.16) run for each RAND. SRES has 32 bits, so the platform asks for several in one answer.
 */
import { LENGTH, SW } from "#protocol/assigned-numbers";
import type { ModuleAnswer } from "#protocol/messages";
import { MF, readFile, runA0, selectPath } from "./class-a0.ts";
import { decodeImsiFile, EF_IMSI_BYTES } from "./imsi-file.ts";
import { type IdentityModule, type ModuleChallenge, ModuleError } from "./module.ts";
import type { CardTransport } from "./transport.ts";

const DF_GSM = 0x7f20;
const EF_IMSI = 0x6f07;
const INS_RUN_GSM_ALGORITHM = 0x88;
const SRES_BYTES = 4;
const KC_BYTES = 8;

/**
 * `authenticate` wants RANDs of 16 bytes and no AUTN, and gives SRES of 4 bytes for each, in their
 * order, or the refusal of the first that was refused (9804: CHV1 is not verified). Kc is wiped.
 */
export function createSimModule(transport: CardTransport): IdentityModule {
  return {
    kind: "SIM",
    readImsi: () => readImsi(transport),
    async authenticate(challenge) {
      checkChallenge(challenge);
      await selectPath(transport, "DF_GSM", [MF, DF_GSM]);
      return { answer: await runGsmAlgorithm(transport, challenge.rands) };
    },
  };
}

async function readImsi(transport: CardTransport): Promise<string> {
  const what = "EF_IMSI";
  const file = await readFile(transport, what, [MF, DF_GSM, EF_IMSI], EF_IMSI_BYTES);
  const imsi = decodeImsiFile(file);
  if (imsi === undefined) throw new ModuleError("malformed", what);
  return imsi;
}

function checkChallenge({ rands, autn }: ModuleChallenge): void {
  const isSuitable = rands.length > 0 && rands.every((rand) => rand.length === LENGTH.rand);
  if (!isSuitable || autn.length !== 0)
    throw new ModuleError("unsuitable_challenge", "RUN GSM ALGORITHM");
}

async function runGsmAlgorithm(
  transport: CardTransport,
  rands: readonly Uint8Array[],
): Promise<ModuleAnswer> {
  const what = "RUN GSM ALGORITHM";
  const values: Uint8Array[] = [];
  for (const rand of rands) {
    const command = { ins: INS_RUN_GSM_ALGORITHM, data: rand };
    const { data, sw } = await runA0(transport, what, command, SRES_BYTES + KC_BYTES);
    if (sw !== SW.success) return { kind: "refusal", statusWord: sw };
    values.push(data.slice(0, SRES_BYTES));
    data.fill(0);
  }
  return { kind: "res", values };
}
