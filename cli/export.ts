import { parseArgs } from "node:util";
import type { EnrolmentChallenge } from "#protocol/admin";
import { encodeCsvRecord } from "#protocol/csv";
import { CARD_ID_PATTERN } from "#protocol/identifiers";
import type { CardPage, SubscriberPage } from "#protocol/import";
import {
  ADMIN_ADVICE,
  type AdminProblem,
  adminUrl,
  callAdmin,
  checkTenant,
  DEFAULT_PLATFORM_URL,
  readAdminKey,
} from "./admin-call.ts";
import { type Command, EXIT, UsageError } from "./command.ts";
import { CARD_TABLE } from "./import/columns.ts";
import { encodeNames } from "./import/name-list.ts";
import { type LineFault, REASON_TEXT } from "./import/fault.ts";
import { createCsvSource, type SourceItem } from "./import/source.ts";
import { printNote } from "./output.ts";

/** Challenges asked for at once. */
const UNDER_WAY_MAX = 8;

export const exportCommand: Command = {
  name: "export",
  summary: "write subscribers, cards, or challenges for new cards as CSV, without keys",
  help: `Usage: simlatch export subscribers [options] > subscribers.csv
       simlatch export cards [options] > cards.csv
       simlatch export challenges FILE [options] > challenges.csv

Writes CSV to standard output (docs/import.md). No key is in it, wrapped or not: what is kept to be
restored is the database, not an export. Cells that a spreadsheet would compute are guarded.

challenges reads the column card_id of FILE and asks for an enrolment challenge for each card: what
personalisation has the card prove, and \`simlatch import cards\` then wants back within a day.

  --url U       the platform (default ${DEFAULT_PLATFORM_URL}); https unless it is on this machine
  --tenant T    whose they are (default "default")

SIMLATCH_ADMIN_KEY holds the platform's administration key. Exit codes: 0 all is written, 1 it is
not, 2 usage, 3 the key is missing or not the platform's.`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        tenant: { type: "string" },
        url: { type: "string", default: DEFAULT_PLATFORM_URL },
      },
    });
    const [name, file, ...rest] = positionals;
    const { tenant, url } = values;
    checkTenant(tenant);
    const wantsFile = name === "challenges";
    if (rest.length > 0 || (file !== undefined) !== wantsFile) {
      throw new UsageError("say subscribers, cards, or challenges and a file of card ids");
    }
    adminUrl(url, "");
    if (name !== "subscribers" && name !== "cards" && !wantsFile) {
      throw new UsageError("say subscribers, cards or challenges");
    }
    const adminKey = readAdminKey("export");
    if (adminKey === undefined) return EXIT.configuration;
    const exporter = { url, tenant, adminKey };
    if (file !== undefined) return exportChallenges(exporter, file);
    return name === "cards"
      ? exportPages(exporter, "cards", CARD_COLUMNS, readCards)
      : exportPages(exporter, "subscribers", SUBSCRIBER_COLUMNS, readSubscribers);
  },
};

interface Exporter {
  readonly url: string;
  readonly tenant: string | undefined;
  readonly adminKey: string;
}

/** The lines of one page and where the next one begins. */
interface Lines {
  readonly records: readonly (readonly string[])[];
  readonly next: string | null;
}

const SUBSCRIBER_COLUMNS =
  "imsi,mnc_length,msisdn,status,centre,algorithm,amf,ind_bits,key_version,customer_data,home_region,user_groups,level,company,services,network_subset,service_provider,corporate".split(
    ",",
  );
const CARD_COLUMNS =
  "card_id,kind,suite,modes,status,groups,company,public_key,key_version,service_public_key,not_before,not_after".split(
    ",",
  );

function readSubscribers(body: unknown): Lines {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the operator's own platform
  const { rows, next } = body as SubscriberPage;
  const records = rows.map((row) => writeSubscriber(row));
  return { records, next };
}

function writeSubscriber(row: SubscriberPage["rows"][number]): string[] {
  return [
    row.imsi,
    String(row.mncLength),
    row.msisdn ?? "",
    row.status,
    row.centre,
    row.algorithm,
    row.amf ?? "",
    row.indBits?.toString() ?? "",
    String(row.keyVersion),
    ...writeProfile(row.profile),
  ];
}

function writeProfile(profile: SubscriberPage["rows"][number]["profile"]): string[] {
  return [
    profile === null ? "unknown" : "known",
    profile?.homeRegion ?? "",
    encodeNames(profile?.userGroups ?? []),
    profile?.level ?? "",
    profile?.company ?? "",
    encodeNames(profile?.services ?? []),
    profile?.networkSubset ?? "",
    profile?.serviceProvider ?? "",
    profile?.corporate ?? "",
  ];
}

function readCards(body: unknown): Lines {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the operator's own platform
  const { rows, next } = body as CardPage;
  const records = rows.map((row) => [
    row.cardId,
    row.kind,
    row.suite,
    row.modes.join(" "),
    row.status,
    row.groups.join(" "),
    row.company ?? "",
    row.publicKey,
    String(row.keyVersion),
    row.servicePublicKey,
    row.notBefore,
    row.notAfter,
  ]);
  return { records, next };
}

async function exportPages(
  { url, tenant, adminKey }: Exporter,
  path: "subscribers" | "cards",
  columns: readonly string[],
  read: (body: unknown) => Lines,
): Promise<number> {
  await write([columns]);
  let after: string | null = "";
  while (after !== null) {
    const query = new URLSearchParams({
      ...(tenant === undefined ? {} : { tenant }),
      ...(after === "" ? {} : { after }),
    });
    const page = await callAdmin(adminUrl(url, `${path}?${query.toString()}`), adminKey, {
      method: "GET",
    });
    if (!page.ok) return reportProblem(page.reason);
    const { records, next } = read(page.value);
    await write(records);
    after = next;
  }
  return EXIT.expected;
}

/** Resolves when standard output has taken it. */
async function write(records: readonly (readonly string[])[]): Promise<void> {
  const text = records.map((cells) => encodeCsvRecord(cells)).join("");
  await new Promise<void>((resolve) => {
    process.stdout.write(text, () => {
      resolve();
    });
  });
}

function reportProblem(problem: AdminProblem): number {
  const advice =
    problem === "unreachable"
      ? "the platform does not answer"
      : (ADMIN_ADVICE[problem] ?? `the platform said ${problem}`);
  printNote(`simlatch export: ${advice}; what was written is not all`);
  return problem === "unauthorized" ? EXIT.configuration : EXIT.unexpected;
}

async function exportChallenges(exporter: Exporter, path: string): Promise<number> {
  const file = Bun.file(path);
  if (!(await file.exists())) throw new UsageError("the file is not there");
  const source = createCsvSource(
    { stream: file.stream(), size: file.size },
    { table: CARD_TABLE, delimiter: ",", renamed: new Map() },
  );
  await write([["card_id", "challenge", "token"]]);
  let failed = false;
  for await (const items of source.read()) {
    for (let from = 0; from < items.length; from += UNDER_WAY_MAX) {
      const some = items.slice(from, from + UNDER_WAY_MAX);
      const answers = await Promise.all(some.map((item) => askChallenge(exporter, item)));
      for (const answer of answers) {
        if (typeof answer === "string") return reportProblem(answer);
        if (Array.isArray(answer)) await write([answer]);
        else {
          failed = true;
          printNote(`line ${answer.line}, ${answer.column}: ${REASON_TEXT[answer.reason]}`);
        }
      }
    }
  }
  return failed ? EXIT.unexpected : EXIT.expected;
}

async function askChallenge(
  { url, tenant, adminKey }: Exporter,
  item: SourceItem,
): Promise<string[] | LineFault | AdminProblem> {
  if ("reason" in item) return item;
  const cardId = item.values["card_id"] ?? "";
  if (!CARD_ID_PATTERN.test(cardId)) {
    return { line: item.line, column: "card_id", reason: "malformed" };
  }
  const answer = await callAdmin(adminUrl(url, "enrolments"), adminKey, {
    method: "POST",
    body: { ...(tenant === undefined ? {} : { tenant }), cardId },
  });
  if (!answer.ok) return answer.reason;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the operator's own platform
  const { challenge, token } = answer.value as EnrolmentChallenge;
  return [cardId, challenge, token];
}
