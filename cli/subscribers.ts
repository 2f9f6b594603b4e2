import { parseArgs } from "node:util";
import * as v from "valibot";
import { CENTRE_PROOFS, EMBEDDED_CENTRE, type SubscriberMove } from "#protocol/admin";
import { IMSI_PATTERN, PERSON_PATTERN } from "#protocol/identifiers";
import {
  ADMIN_ADVICE,
  adminUrl,
  callAdmin,
  checkTenant,
  DEFAULT_PLATFORM_URL,
  readAdminKey,
  reportProblem,
} from "./admin-call.ts";
import { type Command, EXIT, UsageError } from "./command.ts";
import { printLine } from "./output.ts";

export const subscribersCommand: Command = {
  name: "subscribers",
  summary: "move a subscriber to another authentication centre",
  help: `Usage: simlatch subscribers move IMSI --to CENTRE --proves PROOF --by NAME
       simlatch subscribers move IMSI --to ${EMBEDDED_CENTRE} --keys FILE --by NAME

Moves a subscriber between the platform's own authentication centre and another one that it is
connected to (docs/operations.md). Challenges of before the move are void, and cards that bound with
the IMSI are refused until two people clear them. The same move again changes nothing.

  --to CENTRE     the name of a configured centre: the keys are erased here; or
                  "${EMBEDDED_CENTRE}": the keys come here
  --proves PROOF  what a right answer proves at another centre: ${CENTRE_PROOFS.join(", ")}
  --keys FILE     JSON as PUT /v1/admin/subscribers/IMSI/centre takes it, without centre and by:
                  {"k":"...","opc":"...","sqn":4711}; - for standard input. Keys never stand on a
                  command line. A USIM needs sqn: the highest that its centre has issued
  --by NAME       who orders it; the name goes into the audit
  --url U         the platform (default ${DEFAULT_PLATFORM_URL}); https unless it is on this machine
  --tenant T      the subscriber's tenant (default "default")
  --json          the outcome as one JSON object

It prints the key version and the highest SQN that was issued here: tell it to the HLR that the
subscriber moves to. SIMLATCH_ADMIN_KEY holds the platform's administration key. Exit codes: 0 done
and durable, 1 the platform did not do it, 2 usage, 3 the key is missing or not the platform's.`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        by: { type: "string" },
        json: { type: "boolean", default: false },
        keys: { type: "string" },
        proves: { type: "string" },
        tenant: { type: "string" },
        to: { type: "string" },
        url: { type: "string", default: DEFAULT_PLATFORM_URL },
      },
    });
    const [verb, imsi, ...rest] = positionals;
    if (verb !== "move" || imsi === undefined || rest.length > 0) {
      throw new UsageError("say move and one IMSI");
    }
    if (!IMSI_PATTERN.test(imsi)) throw new UsageError("an IMSI has 6 to 15 digits");
    const move = await readMove(values);
    const url = adminUrl(values.url, `subscribers/${imsi}/centre`);
    const adminKey = readAdminKey("subscribers");
    if (adminKey === undefined) return EXIT.configuration;
    const answer = await callAdmin(url, adminKey, { method: "PUT", body: move });
    const moved = answer.ok ? v.safeParse(movedSchema, answer.value) : undefined;
    if (moved?.success !== true) {
      const problem = answer.ok ? "unexpected_answer" : answer.reason;
      if (values.json) printLine(JSON.stringify({ imsi, moved: false, problem }));
      return reportProblem("subscribers", problem, ADVICE);
    }
    const { keyVersion, sqn } = moved.output;
    printLine(
      values.json
        ? JSON.stringify({ imsi, moved: true, centre: move.centre, keyVersion, sqn })
        : describeMove(move.centre, moved.output),
    );
    return EXIT.expected;
  },
};

const movedSchema = v.object({ keyVersion: v.number(), sqn: v.nullable(v.number()) });
const keysSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.check((value) => !Array.isArray(value)),
  v.record(v.string(), v.unknown()),
);

interface Values {
  readonly by?: string | undefined;
  readonly keys?: string | undefined;
  readonly proves?: string | undefined;
  readonly tenant?: string | undefined;
  readonly to?: string | undefined;
}

/** Every mistake is told before anything is sent; of the keys the platform says what is wrong. */
async function readMove({ by, keys, proves, tenant, to }: Values): Promise<SubscriberMove> {
  checkTenant(tenant);
  const name = by?.trim() ?? "";
  if (!PERSON_PATTERN.test(name)) {
    throw new UsageError("--by wants a name of 1 to 64 printable characters");
  }
  if (to === undefined || to === "") throw new UsageError("move wants --to CENTRE");
  const terms = { ...(tenant === undefined ? {} : { tenant }), centre: to, by: [name] as const };
  if (to === EMBEDDED_CENTRE) {
    if (keys === undefined || proves !== undefined) {
      throw new UsageError(`a move to "${EMBEDDED_CENTRE}" wants --keys FILE and no --proves`);
    }
    return { ...(await readKeys(keys)), ...terms };
  }
  const proof = CENTRE_PROOFS.find((known) => known === proves);
  if (proof === undefined || keys !== undefined) {
    throw new UsageError(
      `a move to another centre wants --proves ${CENTRE_PROOFS.join("|")} alone`,
    );
  }
  return { ...terms, proves: proof };
}

async function readKeys(path: string): Promise<Readonly<Record<string, unknown>>> {
  const file = path === "-" ? Bun.stdin : Bun.file(path);
  const isThere = path === "-" || (await file.exists());
  const parsed = v.safeParse(keysSchema, isThere ? await file.text() : undefined);
  if (!parsed.success) throw new UsageError("--keys wants a file with one JSON object");
  return parsed.output;
}

function describeMove(
  centre: string,
  { keyVersion, sqn }: v.InferOutput<typeof movedSchema>,
): string {
  const highest = sqn === null ? "" : `, highest SQN issued here ${sqn}`;
  return `moved to ${centre}: key version ${keyVersion}${highest}`;
}

const ADVICE: typeof ADMIN_ADVICE = {
  ...ADMIN_ADVICE,
  conflict: "other keys are here already, IND bits stay as they are, or somebody was faster",
  malformed: "no such centre, or the keys are not those of the algorithm; a USIM needs its sqn",
  not_found: "no such subscriber in this tenant, or the platform has no administration routes",
};
