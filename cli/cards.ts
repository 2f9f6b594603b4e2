import { parseArgs } from "node:util";
import { CARD_REPORTS, type CardOrderRequest, type CardReportReason } from "#protocol/admin";
import { CARD_ID_PATTERN, isSamePerson, PERSON_PATTERN } from "#protocol/identifiers";
import {
  ADMIN_ADVICE,
  type AdminProblem,
  adminUrl,
  callAdmin,
  checkTenant,
  DEFAULT_PLATFORM_URL,
  readAdminKey,
  reportProblem,
} from "./admin-call.ts";
import { type Command, EXIT, UsageError } from "./command.ts";
import { printLine } from "./output.ts";

const ORDERS = ["report", "unlock", "clear"] as const;
type OrderName = (typeof ORDERS)[number];

interface Values {
  readonly reason?: string | undefined;
  readonly by?: readonly string[] | undefined;
  readonly tenant?: string | undefined;
}

export const cardsCommand: Command = {
  name: "cards",
  summary: "report a card, unlock it, or clear its pairings",
  help: `Usage: simlatch cards report CARD --reason lost|stolen --by NAME
       simlatch cards unlock CARD --by NAME --by NAME
       simlatch cards clear CARD --by NAME --by NAME

Gives an order about one card (16 upper-case hex digits) to a running platform. It is durable when
the command ends with 0, and holds at every point of presence. The names go into the audit.

  report    no SUCCESS from now on; --reason stolen also locks the card at its next session
  unlock    lifts the card's lock at its next session and withdraws a report; two different people
  clear     forgets IMSI, number and key version that the card is pinned to; two different people

A lease that the card holds already runs out by itself: that is the revocation delay.

  --by NAME       who orders it; once for a report, twice for unlock and clear
  --reason R      lost or stolen
  --url U         the platform (default ${DEFAULT_PLATFORM_URL}); https unless it is on this machine
  --tenant T      the card's tenant (default "default")
  --json          the outcome as one JSON object

SIMLATCH_ADMIN_KEY holds the platform's administration key. Exit codes: 0 done, 1 the platform did
not do it, 2 usage, 3 the key is missing or not the platform's.`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        reason: { type: "string" },
        by: { type: "string", multiple: true },
        url: { type: "string", default: DEFAULT_PLATFORM_URL },
        tenant: { type: "string" },
        json: { type: "boolean", default: false },
      },
    });
    const { card, body } = readOrder(positionals, values);
    const url = adminUrl(values.url, `cards/${card}/orders`);
    const adminKey = readAdminKey("cards");
    if (adminKey === undefined) return EXIT.configuration;
    const told = await callAdmin(url, adminKey, { method: "POST", body });
    return reportOutcome(card, body.order, told.ok ? undefined : told.reason, values.json);
  },
};

/** What the command line asks for; every mistake is told before anything is sent. */
function readOrder(
  positionals: readonly string[],
  values: Values,
): { readonly card: string; readonly body: CardOrderRequest } {
  const [name, card, ...rest] = positionals;
  const order = ORDERS.find((known) => known === name);
  if (order === undefined) throw new UsageError("say report, unlock or clear");
  if (card === undefined || rest.length > 0) throw new UsageError(`${order} wants one card id`);
  if (!CARD_ID_PATTERN.test(card)) {
    throw new UsageError("a card id has 16 digits, 0-9 and A-F in upper case");
  }
  const { tenant, reason, by = [] } = values;
  checkTenant(tenant);
  const scope = tenant === undefined ? {} : { tenant };
  const names = by.map((each) => each.trim());
  if (!names.every((each) => PERSON_PATTERN.test(each))) {
    throw new UsageError("--by wants a name of 1 to 64 printable characters");
  }
  if (order === "report") return { card, body: { ...scope, ...readReport(names, reason) } };
  if (reason !== undefined) throw new UsageError(`${order} takes no --reason`);
  return { card, body: { ...scope, order, by: readTwo(order, names) } };
}

function readReport(
  names: readonly string[],
  given: string | undefined,
): { readonly order: "report"; readonly reason: CardReportReason; readonly by: [string] } {
  const reason = CARD_REPORTS.find((known) => known === given);
  if (reason === undefined) throw new UsageError("report wants --reason lost or --reason stolen");
  const [name] = names;
  if (name === undefined || names.length > 1) throw new UsageError("report wants one --by NAME");
  return { order: "report", reason, by: [name] };
}

function readTwo(order: OrderName, names: readonly string[]): [string, string] {
  const [one, other] = names;
  if (one === undefined || other === undefined || names.length > 2 || isSamePerson(one, other)) {
    throw new UsageError(`${order} wants two different people: --by NAME --by NAME`);
  }
  return [one, other];
}

const ADVICE: typeof ADMIN_ADVICE = {
  ...ADMIN_ADVICE,
  conflict: "the card is neither locked nor reported, as far as the platform knows",
  not_found: "no such card in this tenant, or the platform has no administration routes",
};

function reportOutcome(
  card: string,
  order: OrderName,
  problem: AdminProblem | undefined,
  json: boolean,
): number {
  if (json) printLine(JSON.stringify({ card, order, done: problem === undefined, problem }));
  if (problem === undefined) {
    if (!json) printLine(`${order} of card ${card}: done`);
    return EXIT.expected;
  }
  return reportProblem("cards", problem, ADVICE);
}
