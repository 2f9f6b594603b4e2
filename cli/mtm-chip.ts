/** What the sub-commands for a TPM have in common: which chip, which card, what is kept of it. */
import { writeFile } from "node:fs/promises";
import * as v from "valibot";
import type { MtmKeyNames } from "#protocol/admin";
import { decodeBase64Url, decodeHex, encodeBase64Url } from "#protocol/bytes";
import { CARD_ID_PATTERN } from "#protocol/identifiers";
import type { readMtmKeys } from "#terminal/mtm-enrolment";
import { openTpm, type TpmAddress, type TpmConnection } from "#terminal/tpm-connection";
import { reportFailure } from "./binding-run.ts";
import { UsageError } from "./command.ts";

export const DEPLOYMENT_BYTES = 16;
export const POINT_BYTES = 65;

/** What enrolment leaves beside the chip: public, but for which chip it is. */
export const profileSchema = v.strictObject({
  cardId: v.pipe(v.string(), v.regex(CARD_ID_PATTERN)),
  tenant: v.string(),
  deployment: v.string(),
  policyKey: v.string(),
  servicePolicy: v.string(),
});
export type Profile = v.InferOutput<typeof profileSchema>;

export const CHIP_OPTIONS = {
  tpm: { type: "string" },
  "card-id": { type: "string" },
  json: { type: "boolean", default: false },
} as const;

export function nameKeys(keys: Awaited<ReturnType<typeof readMtmKeys>>): MtmKeyNames {
  return {
    endorsementKey: encodeBase64Url(keys.endorsementKey),
    attestationKey: encodeBase64Url(keys.attestationKey),
  };
}

/** Of what a platform sent: nothing where it is no base64url, which the TPM then refuses. */
export function toBytes(text: string): Uint8Array {
  return decodeBase64Url(text) ?? new Uint8Array(0);
}

export function readCardId(text: string | undefined): string {
  if (text === undefined || !CARD_ID_PATTERN.test(text)) {
    throw new UsageError("--card-id wants 16 digits, 0-9 and A-F in upper case");
  }
  return text;
}

export function readAddress(text: string | undefined): TpmAddress {
  if (text?.startsWith("/") === true) return { device: text };
  const [, host = "", digits = ""] = /^tcp:(.+):([0-9]{1,5})$/.exec(text ?? "") ?? [];
  const port = Number(digits);
  if (host === "" || port < 1 || port > 65_535) {
    throw new UsageError("--tpm wants tcp:HOST:PORT, or the path of a device file");
  }
  return { host, port };
}

export async function withTpm(
  address: TpmAddress,
  json: boolean,
  work: (tpm: TpmConnection) => Promise<number>,
): Promise<number> {
  const tpm = openTpm(address);
  try {
    return await work(tpm);
  } catch (error) {
    return reportFailure("mtm", error, json);
  } finally {
    await tpm.close().catch(() => undefined);
  }
}

export async function writeProfile(path: string, profile: Profile): Promise<void> {
  await writeFile(path, `${JSON.stringify(profile, undefined, 2)}\n`);
}

export const DEPLOYMENT_OPTION = {
  type: "string",
  default: process.env["SIMLATCH_DEPLOYMENT"] ?? "",
} as const;

/** 16 bytes. Throws UsageError. */
export function readDeployment(verb: string, text: string): Uint8Array {
  const deployment = decodeHex(text);
  if (deployment?.length === DEPLOYMENT_BYTES) return deployment;
  throw new UsageError(`${verb} wants --deployment or SIMLATCH_DEPLOYMENT, 32 hex digits`);
}
