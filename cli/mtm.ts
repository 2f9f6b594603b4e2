import { existsSync } from "node:fs";
import { open, readFile, rm, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import * as v from "valibot";
import type { MtmCardEnrolment, MtmKeyNames } from "#protocol/admin";
import { decodeBase64Url, decodeHex, encodeBase64Url, encodeHex } from "#protocol/bytes";
import { DEFAULT_TENANT } from "#protocol/identifiers";
import type { Result } from "#protocol/result";
import { createMtmCard, type MtmCardOptions } from "#terminal/mtm-card";
import { proveMtmPossession, readMtmKeys } from "#terminal/mtm-enrolment";
import { openTpm, type TpmConnection } from "#terminal/tpm-connection";
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
  runBinding,
  TENANT_OPTION,
} from "./binding-run.ts";
import { type Command, EXIT, UsageError } from "./command.ts";
import {
  CHIP_OPTIONS,
  DEPLOYMENT_BYTES,
  DEPLOYMENT_OPTION,
  nameKeys,
  POINT_BYTES,
  type Profile,
  profileSchema,
  readAddress,
  readCardId,
  readDeployment,
  toBytes,
  withTpm,
  writeProfile,
} from "./mtm-chip.ts";
import { appendKeys, prove } from "./mtm-list.ts";
import { printLine, printNote } from "./output.ts";

const DIGEST_BYTES = 32;

export const mtmCommand: Command = {
  name: "mtm",
  summary: "enrol a TPM 2.0 as a card, and bind it to a SIM",
  help: `Usage: simlatch mtm keys --tpm ADDRESS --card-id ID [--list FILE] [--json]
       simlatch mtm enrol --tpm ADDRESS --card-id ID --endorsement-key KEY --out CARD.json
       simlatch mtm prove --tpm ADDRESS --card-id ID --challenges FILE --list FILE --out CARD.json
       simlatch mtm bind --tpm ADDRESS --card CARD.json --module-reader NAME [--sign FILE]...

keys prints the chip's endorsement key and its attestation key for this card id, and makes the epoch
counter. Compare the endorsement key with what the chip's maker certifies before you enrol: the
platform believes you. enrol proves to the platform that this chip holds both keys and made the
service key, and writes what \`bind\` needs; nothing in that file is secret. bind runs a whole
binding with the identity module in a PC/SC reader; while the chip serves, each FILE is signed into
FILE.sig (ECDSA P-256 over SHA-256: r and s).

Many chips go by lists, without a platform beside them (docs/import.md): keys adds the chip to the
list that \`simlatch export mtm-challenges\` reads, and prove answers the chip's challenge in what
that wrote, adding a row to the list that \`simlatch import cards\` reads.

  --tpm ADDRESS          tcp:HOST:PORT, or the path of a device file such as /dev/tpmrm0
  --card-id ID           16 upper-case hex digits
  --endorsement-key K    the point that the maker certifies, 65 bytes in base64url
  --list FILE            the list that the chip is added to
  --challenges FILE      what \`simlatch export mtm-challenges\` wrote
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
    if (verb === "prove") return prove(rest);
    if (verb === "bind") return bindOnce(rest);
    throw new UsageError("say keys, enrol, prove or bind");
  },
};

async function printKeys(args: readonly string[]): Promise<number> {
  const options = { ...CHIP_OPTIONS, list: { type: "string" } } as const;
  const { values } = parseArgs({ args: [...args], options });
  const { list } = values;
  const cardId = readCardId(values["card-id"]);
  return withTpm(readAddress(values.tpm), values.json, async (tpm) => {
    const keys = nameKeys(await readMtmKeys(tpm, cardId));
    if (list !== undefined && !(await appendKeys(list, cardId, keys))) return EXIT.unexpected;
    if (values.json) printLine(JSON.stringify({ cardId, ...keys }));
    else {
      printLine(`endorsement key  ${keys.endorsementKey}`);
      printLine(`attestation key  ${keys.attestationKey}`);
    }
    return EXIT.expected;
  });
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
      deployment: DEPLOYMENT_OPTION,
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
  const deployment = readDeployment("enrol", values.deployment);
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
  await writeProfile(out, enrolled.value);
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
