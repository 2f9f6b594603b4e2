/** Enrolment challenges for lists of cards: what personalisation has each card, or chip, prove. */
import type { EnrolmentChallenge, MtmEnrolmentChallenge } from "#protocol/admin";
import { decodeBase64Url } from "#protocol/bytes";
import { CARD_ID_PATTERN } from "#protocol/identifiers";
import type { Result } from "#protocol/result";
import { type AdminProblem, adminUrl, callAdmin } from "./admin-call.ts";
import { EXIT, UsageError } from "./command.ts";
import { type Exporter, reportExportProblem, reportLoss, writeRecords } from "./export-records.ts";
import { CARD_TABLE, type Columns, MTM_CHALLENGE_TABLE } from "./import/columns.ts";
import { type LineFault, type LineReason, REASON_TEXT } from "./import/fault.ts";
import { createCsvSource, type SourceItem, type SourceRow } from "./import/source.ts";
import { POINT_BYTES } from "./mtm-chip.ts";
import { outputLoss, printNote } from "./output.ts";

/** Challenges asked for at once. */
const UNDER_WAY_MAX = 8;

/** What becomes of a line: a record, what is wrong with it, or why the platform gave none. */
type Answer = string[] | LineFault | AdminProblem;
type Ask = (row: SourceRow) => Promise<Answer>;

export function exportChallenges(exporter: Exporter, path: string): Promise<number> {
  const columns = ["card_id", "challenge", "token"];
  return runExport(path, CARD_TABLE, columns, async (row) => {
    const cardId = row.values["card_id"] ?? "";
    if (!CARD_ID_PATTERN.test(cardId)) return faultOf(row, "card_id", "malformed");
    const answer = await enrol(exporter, { cardId });
    if (!answer.ok) return answer.reason;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the operator's own platform
    const { challenge, token } = answer.value as EnrolmentChallenge;
    return [cardId, challenge, token];
  });
}

/** `trustedPath` names a file of endorsement keys; a chip with another one gets no challenge. */
export async function exportMtmChallenges(
  exporter: Exporter,
  path: string,
  trustedPath: string,
): Promise<number> {
  const trusted = await readTrusted(trustedPath);
  const columns = MTM_CHALLENGE_TABLE.columns.map(({ name }) => name);
  return runExport(path, MTM_CHALLENGE_TABLE, columns, async (row) => {
    const { card_id: cardId = "", attestation_key: attestationKey = "" } = row.values;
    const endorsementKey = row.values["endorsement_key"] ?? "";
    if (!CARD_ID_PATTERN.test(cardId)) return faultOf(row, "card_id", "malformed");
    if (!isPoint(endorsementKey)) return faultOf(row, "endorsement_key", "malformed");
    if (!isPoint(attestationKey)) return faultOf(row, "attestation_key", "malformed");
    if (!trusted.has(endorsementKey)) return faultOf(row, "endorsement_key", "not_trusted");
    const answer = await enrol(exporter, { cardId, mtm: { endorsementKey, attestationKey } });
    // Of a right shape: one of the two is not on the curve.
    if (!answer.ok && answer.reason === "malformed") {
      return faultOf(row, "attestation_key", "malformed");
    }
    if (!answer.ok) return answer.reason;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the operator's own platform
    const grant = answer.value as MtmEnrolmentChallenge;
    const { credentialBlob, encryptedSecret, policyKey, servicePolicy, token } = grant;
    const keys = [cardId, endorsementKey, attestationKey];
    return [...keys, credentialBlob, encryptedSecret, policyKey, servicePolicy, token];
  });
}

async function readTrusted(path: string): Promise<ReadonlySet<string>> {
  const file = Bun.file(path);
  if (!(await file.exists())) throw new UsageError("--trusted: the file is not there");
  const lines = (await file.text()).split(/\r?\n/).filter((line) => line !== "");
  if (lines.length === 0 || !lines.every(isPoint)) {
    throw new UsageError("--trusted wants endorsement keys, 65 bytes in base64url, a line each");
  }
  return new Set(lines);
}

const isPoint = (text: string): boolean => decodeBase64Url(text)?.length === POINT_BYTES;

const faultOf = ({ line }: SourceRow, column: string, reason: LineReason): LineFault => ({
  line,
  column,
  reason,
});

function enrol({ url, tenant, adminKey }: Exporter, card: object): ReturnType<typeof callAdmin> {
  const body = { ...(tenant === undefined ? {} : { tenant }), ...card };
  return callAdmin(adminUrl(url, "enrolments"), adminKey, { method: "POST", body });
}

async function runExport(
  path: string,
  table: Columns,
  columns: readonly string[],
  ask: Ask,
): Promise<number> {
  const file = Bun.file(path);
  if (!(await file.exists())) throw new UsageError("the file is not there");
  const bytes = { stream: file.stream(), size: file.size };
  const source = createCsvSource(bytes, { table, delimiter: ",", renamed: new Map() });
  await writeRecords([columns]);
  let failed = false;
  for await (const items of source.read()) {
    for (let from = 0; from < items.length; from += UNDER_WAY_MAX) {
      const written = await exportSome(items.slice(from, from + UNDER_WAY_MAX), ask);
      if (!written.ok) return reportExportProblem(written.reason);
      if (outputLoss() !== undefined) return reportLoss();
      failed ||= written.value > 0;
    }
  }
  return failed ? EXIT.unexpected : EXIT.expected;
}

/** Gives how many lines had a fault. */
async function exportSome(
  items: readonly SourceItem[],
  ask: Ask,
): Promise<Result<number, AdminProblem>> {
  const answers = await Promise.all(
    items.map(async (item) => ("reason" in item ? item : ask(item))),
  );
  let faults = 0;
  for (const answer of answers) {
    if (typeof answer === "string") return { ok: false, reason: answer };
    if (Array.isArray(answer)) await writeRecords([answer]);
    else {
      faults += 1;
      printNote(`line ${answer.line}, ${answer.column}: ${REASON_TEXT[answer.reason]}`);
    }
  }
  return { ok: true, value: faults };
}
