import { parseArgs } from "node:util";
import type { CardPage, SubscriberPage } from "#protocol/import";
import {
  adminUrl,
  callAdmin,
  checkTenant,
  DEFAULT_PLATFORM_URL,
  readAdminKey,
} from "./admin-call.ts";
import { type Command, EXIT, UsageError } from "./command.ts";
import { exportChallenges, exportMtmChallenges } from "./export-challenges.ts";
import { type Exporter, reportExportProblem, reportLoss, writeRecords } from "./export-records.ts";
import { encodeNames } from "./import/name-list.ts";
import { outputLoss } from "./output.ts";

const VERBS = ["subscribers", "cards", "challenges", "mtm-challenges"] as const;

export const exportCommand: Command = {
  name: "export",
  summary: "write subscribers, cards, or challenges for new cards as CSV, without keys",
  help: `Usage: simlatch export subscribers [options] > subscribers.csv
       simlatch export cards [options] > cards.csv
       simlatch export challenges FILE [options] > challenges.csv
       simlatch export mtm-challenges FILE --trusted KEYS [options] > challenges.csv

Writes CSV to standard output (docs/import.md). No key is in it, wrapped or not: what is kept to be
restored is the database, not an export. Cells that a spreadsheet would compute are guarded.

challenges reads the column card_id of FILE and asks for an enrolment challenge for each card: what
personalisation has the card prove, and \`simlatch import cards\` then wants back within a day.
mtm-challenges does the same for TPMs, from the list that \`simlatch mtm keys --list\` wrote; each
challenge is encrypted to its chip. KEYS holds the endorsement keys that the chips' makers certify,
65 bytes in base64url, a line each: chips of other keys get none.

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
        trusted: { type: "string" },
        url: { type: "string", default: DEFAULT_PLATFORM_URL },
      },
    });
    const [name, file, ...rest] = positionals;
    const { tenant, url, trusted } = values;
    checkTenant(tenant);
    const isKnown = VERBS.some((verb) => verb === name);
    const wantsFile = name === "challenges" || name === "mtm-challenges";
    if (!isKnown || rest.length > 0 || (file !== undefined) !== wantsFile) {
      throw new UsageError("say subscribers, cards, or challenges and a file of card ids");
    }
    if ((trusted !== undefined) !== (name === "mtm-challenges")) {
      throw new UsageError("mtm-challenges, and nothing else, wants --trusted KEYS");
    }
    adminUrl(url, "");
    const adminKey = readAdminKey("export");
    if (adminKey === undefined) return EXIT.configuration;
    const exporter = { url, tenant, adminKey };
    if (file !== undefined) {
      return trusted === undefined
        ? exportChallenges(exporter, file)
        : exportMtmChallenges(exporter, file, trusted);
    }
    return name === "cards"
      ? exportPages(exporter, "cards", CARD_COLUMNS, readCards)
      : exportPages(exporter, "subscribers", SUBSCRIBER_COLUMNS, readSubscribers);
  },
};

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
  await writeRecords([columns]);
  let after: string | null = "";
  while (after !== null) {
    const query = new URLSearchParams({
      ...(tenant === undefined ? {} : { tenant }),
      ...(after === "" ? {} : { after }),
    });
    const page = await callAdmin(adminUrl(url, `${path}?${query.toString()}`), adminKey, {
      method: "GET",
    });
    if (!page.ok) return reportExportProblem(page.reason);
    const { records, next } = read(page.value);
    await writeRecords(records);
    if (outputLoss() !== undefined) return reportLoss();
    after = next;
  }
  return EXIT.expected;
}
