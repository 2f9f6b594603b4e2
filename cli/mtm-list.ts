/**
 * Chips of a list, at the device and without a platform (docs/import.md): the chip's keys, for the
 * list that challenges are asked for, and its answer, for the list that is imported.
 */
import { appendFile, readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import type { MtmKeyNames } from "#protocol/admin";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { encodeCsvRecord } from "#protocol/csv";
import { proveMtmPossession, readMtmKeys } from "#terminal/mtm-enrolment";
import type { TpmConnection } from "#terminal/tpm-connection";
import { readTenant, TENANT_OPTION } from "./binding-run.ts";
import { EXIT, UsageError } from "./command.ts";
import { MTM_CHALLENGE_TABLE } from "./import/columns.ts";
import { createCsvSource, type SourceRow } from "./import/source.ts";
import {
  CHIP_OPTIONS,
  DEPLOYMENT_OPTION,
  nameKeys,
  readAddress,
  readCardId,
  readDeployment,
  toBytes,
  withTpm,
  writeProfile,
} from "./mtm-chip.ts";
import { printLine, printNote } from "./output.ts";

const KEY_COLUMNS = ["card_id", "endorsement_key", "attestation_key"];
/** Of CARD_TABLE, those that an MTM card has. */
const CARD_COLUMNS = [
  "card_id",
  "kind",
  "suite",
  "endorsement_key",
  "attestation_key",
  "service_public_key",
  "challenge",
  "token",
  "proof",
];

/** False, and said why, when the file is a list of something else. */
export function appendKeys(path: string, cardId: string, keys: MtmKeyNames): Promise<boolean> {
  return appendRecord(path, KEY_COLUMNS, [cardId, keys.endorsementKey, keys.attestationKey]);
}

async function appendRecord(
  path: string,
  columns: readonly string[],
  cells: readonly string[],
): Promise<boolean> {
  const header = encodeCsvRecord(columns);
  const text = await readFile(path, "utf8").catch(() => "");
  if (text !== "" && !(text.startsWith(header) && text.endsWith("\n"))) {
    printNote("simlatch mtm: --list names a file that is no such list; nothing was added");
    return false;
  }
  await appendFile(path, `${text === "" ? header : ""}${encodeCsvRecord(cells)}`);
  return true;
}

interface Proving {
  readonly cardId: string;
  readonly tenant: string;
  readonly deployment: Uint8Array;
  readonly challenge: SourceRow["values"];
  readonly list: string;
  readonly out: string;
  readonly json: boolean;
}

export async function prove(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...CHIP_OPTIONS,
      challenges: { type: "string" },
      deployment: DEPLOYMENT_OPTION,
      list: { type: "string" },
      out: { type: "string" },
      tenant: TENANT_OPTION,
    },
  });
  const { challenges, list, out, json } = values;
  if (challenges === undefined || list === undefined || out === undefined) {
    throw new UsageError("prove wants --challenges FILE, --list FILE and --out FILE");
  }
  const deployment = readDeployment("prove", values.deployment);
  const cardId = readCardId(values["card-id"]);
  const tenant = readTenant(values.tenant);
  const address = readAddress(values.tpm);
  const challenge = await findChallenge(challenges, cardId);
  if (challenge === undefined) {
    printNote("simlatch mtm: the challenges have none for this card");
    return EXIT.unexpected;
  }
  const proving = { cardId, tenant, deployment, challenge, list, out, json };
  return withTpm(address, json, (tpm) => proveChip(tpm, proving));
}

/** The last one is the newest. */
async function findChallenge(
  path: string,
  cardId: string,
): Promise<SourceRow["values"] | undefined> {
  const file = Bun.file(path);
  if (!(await file.exists())) throw new UsageError("--challenges: the file is not there");
  const options = { table: MTM_CHALLENGE_TABLE, delimiter: ",", renamed: new Map() };
  const source = createCsvSource({ stream: file.stream(), size: file.size }, options);
  let found: SourceRow["values"] | undefined;
  for await (const items of source.read()) {
    for (const item of items) {
      if ("values" in item && item.values["card_id"] === cardId) found = item.values;
    }
  }
  return found;
}

async function proveChip(tpm: TpmConnection, proving: Proving): Promise<number> {
  const { cardId, tenant, deployment, challenge, list, out, json } = proving;
  const cell = (name: string): string => challenge[name] ?? "";
  const keys = nameKeys(await readMtmKeys(tpm, cardId));
  if (keys.endorsementKey !== cell("endorsement_key")) {
    printNote("simlatch mtm: the chip has another endorsement key; nothing was proved");
    return EXIT.unexpected;
  }
  const proven = await proveMtmPossession(tpm, {
    deployment,
    tenant,
    cardId,
    credentialBlob: toBytes(cell("credential_blob")),
    encryptedSecret: toBytes(cell("encrypted_secret")),
    servicePolicy: toBytes(cell("service_policy")),
  });
  const row = [
    cardId,
    "MTM",
    "P-256",
    keys.endorsementKey,
    keys.attestationKey,
    encodeBase64Url(proven.servicePublicKey),
    encodeBase64Url(proven.challenge),
    cell("token"),
    encodeBase64Url(proven.proof),
  ];
  if (!(await appendRecord(list, CARD_COLUMNS, row))) return EXIT.unexpected;
  await writeProfile(out, {
    cardId,
    tenant,
    deployment: encodeHex(deployment),
    policyKey: cell("policy_key"),
    servicePolicy: cell("service_policy"),
  });
  printLine(json ? JSON.stringify({ cardId, proved: true, out }) : `card ${cardId}: proved`);
  return EXIT.expected;
}
