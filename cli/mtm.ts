import { existsSync } from "node:fs";
import { open, readFile, rm, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import * as v from "valibot";
import type { MtmCardEnrolment, MtmKeyNames } from "#protocol/admin";
import { decodeBase64Url, decodeHex, encodeBase64Url, encodeHex } from "#protocol/bytes";
import { CARD_ID_PATTERN, DEFAULT_TENANT } from "#protocol/identifiers";
import type { Result } from "#protocol/result";
import { createMtmCard, type MtmCardOptions } from "#terminal/mtm-card";
import { proveMtmPossession, readMtmKeys } from "#terminal/mtm-enrolment";
import { openTpm, type TpmAddress, type TpmConnection } from "#terminal/tpm-connection";
import {
  ADMIN_ADVICE,
  type AdminProblem,
  adminUrl,
  callAdmin,
  DEFAULT_PLATFORM_URL,
  readAdminKey,
  reportProblem,
} from "./admin-call.ts";
import {
  BINDING_HELP,
  BINDING_OPTIONS,
  type CardSide,
  readBindingRun,
  readTenant,
  reportFailure,
  runBinding,
  TENANT_OPTION,
} from "./binding-run.ts";
import { type Command, EXIT, UsageError } from "./command.ts";
import { printLine, printNote } from "./output.ts";

const DEPLOYMENT_BYTES = 16;
const POINT_BYTES = 65;
const DIGEST_BYTES = 32;

export const mtmCommand: Command = {
  name: "mtm",
  summary: "enrol a TPM 2.0 as a card, and bind it to a SIM",
  help: `Usage: simlatch mtm keys --tpm ADDRESS --card-id ID [--json]
       simlatch mtm enrol --tpm ADDRESS --card-id ID --endorsement-key KEY --out CARD.json
       simlatch mtm bind --tpm ADDRESS --card CARD.json --module-reader NAME [--sign FILE]...

keys prints the chip's endorsement key and its attestation key for this card id, and makes the epoch
counter. Compare the endorsement key with what the chip's maker certifies before you enrol: the
platform believes you. enrol proves to the platform that this chip holds both keys and made the
service key, and writes what \`bind\` needs; nothing in that file is secret. bind runs a whole
binding with the identity module in a PC/SC reader; while the chip serves, each FILE is signed into
FILE.sig (ECDSA P-256 over SHA-256: r and s).

  --tpm ADDRESS          tcp:HOST:PORT, or the path of a device file such as /dev/tpmrm0
  --card-id ID           16 upper-case hex digits
  --endorsement-key K    the point that the maker certifies, 65 bytes in base64url
  --deployment D         the platform's deployment id, 32 hex digits (default SIMLATCH_DEPLOYMENT)
  --url U                the platform's administration, for enrol (default ${DEFAULT_PLATFORM_URL})
  --tenant T             the card's tenant (default "${DEFAULT_TENANT}")
${BINDING_HELP}
  --json                 the outcome as one JSON object

SIMLATCH_ADMIN_KEY holds the platform's administration key, for enrol. Exit codes: 0 done or
SUCCESS, 1 another outcome or a failure, 2 usage, 3 the administration key is missing or wrong, 4 no
TPM or reader there.`,
  async run(args) {
    const [verb, ...rest] = args;
    if (verb === "keys") return printKeys(rest);
    if (verb === "enrol") return enrol(rest);
    if (verb === "bind") return bindOnce(rest);
    throw new UsageError("say keys, enrol or bind");
  },
};

/** What enrolment leaves beside the chip: public, but for which chip it is. */
const profileSchema = v.strictObject({
  cardId: v.pipe(v.string(), v.regex(CARD_ID_PATTERN)),
  tenant: v.string(),
  deployment: v.string(),
  policyKey: v.string(),
  servicePolicy: v.string(),
});
type Profile = v.InferOutput<typeof profileSchema>;

const CHIP_OPTIONS = {
  tpm: { type: "string" },
  "card-id": { type: "string" },
  json: { type: "boolean", default: false },
} as const;

async function printKeys(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: CHIP_OPTIONS });
  const cardId = readCardId(values["card-id"]);
  return withTpm(readAddress(values.tpm), values.json, async (tpm) => {
    const keys = nameKeys(await readMtmKeys(tpm, cardId));
    if (values.json) printLine(JSON.stringify({ cardId, ...keys }));
    else {
      printLine(`endorsement key  ${keys.endorsementKey}`);
      printLine(`attestation key  ${keys.attestationKey}`);
    }
    return EXIT.expected;
  });
}

function nameKeys(keys: Awaited<ReturnType<typeof readMtmKeys>>): MtmKeyNames {
  return {
    endorsementKey: encodeBase64Url(keys.endorsementKey),
    attestationKey: encodeBase64Url(keys.attestationKey),
  };
}

interface EnrolRequest {
  readonly cardId: string;
  readonly tenant: string;
  readonly url: string;
  readonly adminKey: string;
  readonly deployment: Uint8Array;
  readonly endorsementKey: string;
  readonly out: string;
}

async function enrol(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...CHIP_OPTIONS,
      "endorsement-key": { type: "string" },
      deployment: { type: "string", default: process.env["SIMLATCH_DEPLOYMENT"] ?? "" },
      url: { type: "string", default: DEFAULT_PLATFORM_URL },
      tenant: TENANT_OPTION,
      out: { type: "string" },
    },
  });
  const { out } = values;
  const endorsementKey = values["endorsement-key"];
  if (out === undefined) throw new UsageError("enrol wants --out FILE");
  if (decodeBase64Url(endorsementKey ?? "")?.length !== POINT_BYTES) {
    throw new UsageError("enrol wants --endorsement-key, 65 bytes in base64url");
  }
  const deployment = decodeHex(values.deployment);
  if (deployment?.length !== DEPLOYMENT_BYTES) {
    throw new UsageError("enrol wants --deployment or SIMLATCH_DEPLOYMENT, 32 hex digits");
  }
  const cardId = readCardId(values["card-id"]);
  const address = readAddress(values.tpm);
  adminUrl(values.url, "cards");
  const adminKey = readAdminKey("mtm");
  if (adminKey === undefined) return EXIT.configuration;
  const request: EnrolRequest = {
    cardId,
    tenant: readTenant(values.tenant),
    url: values.url,
    adminKey,
    deployment,
    endorsementKey: endorsementKey ?? "",
    out,
  };
  await checkWritable(out);
  return withTpm(address, values.json, async (tpm) => {
    const keys = nameKeys(await readMtmKeys(tpm, cardId));
    if (keys.endorsementKey !== request.endorsementKey) {
      printNote("simlatch mtm: the chip has another endorsement key; nothing was enrolled");
      return EXIT.unexpected;
    }
    const enrolled = await enrolChip(tpm, request, keys);
    return reportEnrolment(enrolled, request, values.json);
  });
}

/** A chip is enrolled once, so where its file goes is tried before. Throws UsageError. */
async function checkWritable(path: string): Promise<void> {
  const isNew = !existsSync(path);
  try {
    await (await open(path, "a")).close();
    if (isNew) await rm(path);
  } catch {
    throw new UsageError("--out: that file cannot be written");
  }
}

const challengeSchema = v.object({
  credentialBlob: v.string(),
  encryptedSecret: v.string(),
  policyKey: v.string(),
  servicePolicy: v.string(),
  token: v.string(),
});

async function enrolChip(
  tpm: TpmConnection,
  request: EnrolRequest,
  mtm: MtmKeyNames,
): Promise<Result<Profile, AdminProblem>> {
  const { cardId, tenant, deployment } = request;
  const post = (path: string, body: unknown): ReturnType<typeof callAdmin> =>
    callAdmin(adminUrl(request.url, path), request.adminKey, { method: "POST", body });
  const answer = await post("enrolments", { tenant, cardId, mtm });
  if (!answer.ok) return answer;
  const grant = v.safeParse(challengeSchema, answer.value);
  if (!grant.success) return { ok: false, reason: "unexpected_answer" };
  const { policyKey, servicePolicy, token, credentialBlob, encryptedSecret } = grant.output;
  const proven = await proveMtmPossession(tpm, {
    deployment,
    tenant,
    cardId,
    credentialBlob: toBytes(credentialBlob),
    encryptedSecret: toBytes(encryptedSecret),
    servicePolicy: toBytes(servicePolicy),
  });
  const enrolment: MtmCardEnrolment = {
    tenant,
    cardId,
    kind: "MTM",
    suite: "P-256",
    servicePublicKey: encodeBase64Url(proven.servicePublicKey),
    challenge: encodeBase64Url(proven.challenge),
    token,
    proof: encodeBase64Url(proven.proof),
    mtm,
  };
  const enrolled = await post("cards", enrolment);
  if (!enrolled.ok) return enrolled;
  const profile = { cardId, tenant, deployment: encodeHex(deployment), policyKey, servicePolicy };
  return { ok: true, value: profile };
}

/** Of what a platform sent: nothing where it is no base64url, which the TPM then refuses. */
function toBytes(text: string): Uint8Array {
  return decodeBase64Url(text) ?? new Uint8Array(0);
}

const ADVICE: typeof ADMIN_ADVICE = {
  ...ADMIN_ADVICE,
  conflict: "the card id, or this chip, is enrolled already",
  not_found: "no such tenant, or the platform has no administration routes",
};

async function reportEnrolment(
  enrolled: Result<Profile, AdminProblem>,
  { cardId, out }: EnrolRequest,
  json: boolean,
): Promise<number> {
  if (!enrolled.ok) {
    const { reason } = enrolled;
    if (json) printLine(JSON.stringify({ cardId, enrolled: false, problem: reason }));
    return reportProblem("mtm", reason, ADVICE);
  }
  await writeFile(out, `${JSON.stringify(enrolled.value, undefined, 2)}\n`);
  printLine(json ? JSON.stringify({ cardId, enrolled: true, out }) : `card ${cardId}: enrolled`);
  return EXIT.expected;
}

async function bindOnce(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...BINDING_OPTIONS,
      tpm: { type: "string" },
      card: { type: "string" },
      sign: { type: "string", multiple: true, default: [] },
    },
  });
  const run = readBindingRun(values);
  const address = readAddress(values.tpm);
  if (values.card === undefined) throw new UsageError("bind wants --card FILE, as enrol wrote it");
  const profile = await readProfile(values.card);
  const documents = await readDocuments(values.sign);
  return runBinding("mtm", run, async (onEnd) => {
    const tpm = openTpm(address);
    onEnd(() => tpm.close());
    return openSide(tpm, profile, documents);
  });
}

interface Document {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** Before the lease of which they take uses. Throws UsageError. */
function readDocuments(files: readonly string[]): Promise<Document[]> {
  return Promise.all(
    files.map(async (file) => {
      const bytes = await readFile(file).catch(() => undefined);
      if (bytes === undefined) throw new UsageError(`--sign: ${file} cannot be read`);
      return { file, bytes: new Uint8Array(bytes) };
    }),
  );
}

type Card = Omit<MtmCardOptions, "tpm">;

function openSide(tpm: TpmConnection, options: Card, documents: readonly Document[]): CardSide {
  const { cardId, tenant } = options;
  const card = createMtmCard({ tpm, ...options });
  return {
    card,
    cardId,
    tenant,
    suites: ["P-256"],
    modes: ["signed"],
    async serve() {
      const done: string[] = [];
      for (const { file, bytes } of documents) {
        await writeFile(`${file}.sig`, await card.sign(bytes));
        done.push(`signed ${file}`);
      }
      return done;
    },
  };
}

async function readProfile(path: string): Promise<Card> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) throw new UsageError("--card: no such file");
  const profile = v.safeParse(v.pipe(v.string(), v.parseJson(), profileSchema), text);
  if (profile.success) {
    const { cardId, tenant } = profile.output;
    const deployment = decodeHex(profile.output.deployment);
    const policyKey = decodeBase64Url(profile.output.policyKey);
    const servicePolicy = decodeBase64Url(profile.output.servicePolicy);
    if (
      deployment?.length === DEPLOYMENT_BYTES &&
      policyKey?.length === POINT_BYTES &&
      servicePolicy?.length === DIGEST_BYTES
    ) {
      return { cardId, tenant: readTenant(tenant), deployment, policyKey, servicePolicy };
    }
  }
  throw new UsageError("--card: that file is not what `simlatch mtm enrol` writes");
}

function readCardId(text: string | undefined): string {
  if (text === undefined || !CARD_ID_PATTERN.test(text)) {
    throw new UsageError("--card-id wants 16 digits, 0-9 and A-F in upper case");
  }
  return text;
}

function readAddress(text: string | undefined): TpmAddress {
  if (text?.startsWith("/") === true) return { device: text };
  const [, host = "", digits = ""] = /^tcp:(.+):([0-9]{1,5})$/.exec(text ?? "") ?? [];
  const port = Number(digits);
  if (host === "" || port < 1 || port > 65_535) {
    throw new UsageError("--tpm wants tcp:HOST:PORT, or the path of a device file");
  }
  return { host, port };
}

async function withTpm(
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
