import { parseArgs } from "node:util";
import type {
  DryRunCount,
  DryRunLine,
  DryRunRequest,
  RuleActivationRequest,
  RuleActivationView,
  RuleCheck,
  RuleFinding,
  RuleList,
  RuleRollbackRequest,
  RuleSetView,
} from "#protocol/admin-rules";
import { type BindingRule, RULE_ID_PATTERN } from "#protocol/rules";
import {
  ADMIN_ADVICE,
  type AdminProblem,
  adminUrl,
  askAdmin,
  checkTenant,
  DEFAULT_PLATFORM_URL,
  readAdminKey,
  reportProblem,
} from "./admin-call.ts";
import { type Command, EXIT, UsageError } from "./command.ts";
import { printLine, printNote } from "./output.ts";

/** A dry run looks at many pairs before its last line. */
const TIMEOUT_MS = 600_000;
/** As many as the platform gives in one answer. */
const PAGE_RULES = 1000;
const COUNT_PATTERN = /^[0-9]{1,7}$/;

export const rulesCommand: Command = {
  name: "rules",
  summary: "write, check, try and activate binding rules",
  help: `Usage: simlatch rules list [--version draft|N]
       simlatch rules put FILE
       simlatch rules remove ID
       simlatch rules check
       simlatch rules dry-run [--pairs N] [--bindings N] [--changes N]
       simlatch rules activate [--force] [--keep-floor]
       simlatch rules rollback VERSION [--force]

Changes go into a draft and decide nothing until it is activated (docs/rules.md).

  list       the active version and its rules, one JSON object a line; --version for another one
  put        the rules of FILE into the draft: one object with id, or a list of them; - is stdin
  remove     a rule out of the draft
  check      rules that can never match, that another comes before, or that lock out everybody
  dry-run    whose verdict would change, among registered pairs and past bindings
  activate   the draft decides from now on; refused when it locks out everybody
  rollback   the rules of an earlier version decide again, as a new version

  --force         activate what locks out everybody
  --keep-floor    let points of presence go on with what they have until it is 30 seconds old
  --pairs N       pairs of a registered card and a subscriber to look at (default 100000)
  --bindings N    past bindings, the newest first (default 10000)
  --changes N     changes of either kind to tell (default 1000)
  --url U         the platform (default ${DEFAULT_PLATFORM_URL}); https unless it is on this machine
  --tenant T      whose rules (default "default")
  --json          what the platform answers, as it is

SIMLATCH_ADMIN_KEY holds the platform's administration key. Exit codes: 0 done and nothing found, 1
the platform did not do it, or check or dry-run found something, 2 usage, 3 the key is missing or
not the platform's.`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        version: { type: "string" },
        force: { type: "boolean", default: false },
        "keep-floor": { type: "boolean", default: false },
        pairs: { type: "string" },
        bindings: { type: "string" },
        changes: { type: "string" },
        url: { type: "string", default: DEFAULT_PLATFORM_URL },
        tenant: { type: "string" },
        json: { type: "boolean", default: false },
      },
    });
    const [name = "", argument, ...rest] = positionals;
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (action === undefined) throw new UsageError(`say ${Object.keys(ACTIONS).join(", ")}`);
    const isArgumentFit = (argument !== undefined) === (action.argument !== undefined);
    if (!isArgumentFit || rest.length > 0) {
      throw new UsageError(`${name} wants ${action.argument ?? "nothing more"}`);
    }
    checkTenant(values.tenant);
    adminUrl(values.url, "rules");
    const adminKey = readAdminKey("rules");
    if (adminKey === undefined) return EXIT.configuration;
    const access = { base: values.url, adminKey };
    const call = { access, values, tenant: values.tenant, argument: argument ?? "" };
    const problem = await action.run(call);
    if (typeof problem === "number") return problem;
    return reportProblem("rules", problem, ADVICE);
  },
};

interface Access {
  /** The platform, as the command line names it. */
  readonly base: string;
  readonly adminKey: string;
}

function ask(
  { base, adminKey }: Access,
  method: "GET" | "POST" | "PUT" | "DELETE",
  path: string,
  body?: object,
): ReturnType<typeof askAdmin> {
  return askAdmin(adminUrl(base, path), adminKey, { method, body, timeoutMs: TIMEOUT_MS });
}

interface RulesCall {
  readonly access: Access;
  readonly tenant: string | undefined;
  readonly argument: string;
  readonly values: {
    readonly version?: string | undefined;
    readonly force: boolean;
    readonly "keep-floor": boolean;
    readonly pairs?: string | undefined;
    readonly bindings?: string | undefined;
    readonly changes?: string | undefined;
    readonly json: boolean;
  };
}

interface Action {
  /** What stands behind its name. */
  readonly argument?: string;
  /** An exit code, or why the platform did not do it. */
  readonly run: (call: RulesCall) => Promise<number | AdminProblem>;
}

const ACTIONS: Readonly<Record<string, Action>> = {
  list: { run: listRules },
  put: { argument: "a FILE with rules", run: putRules },
  remove: { argument: "the id of a rule", run: removeRule },
  check: { run: checkRules },
  "dry-run": { run: dryRunRules },
  activate: { run: activateRules },
  rollback: { argument: "the number of a VERSION", run: rollBackRules },
};

const ADVICE: typeof ADMIN_ADVICE = {
  ...ADMIN_ADVICE,
  conflict:
    "not done: it locks out everybody (see `check`; --force does it), the draft changed " +
    "meanwhile, or there was no such version",
  malformed: "a rule is not as docs/rules.md has it; those before it are in the draft",
  not_found: "no such tenant or rule, or the platform has no administration routes",
};

function scope(tenant: string | undefined): { readonly tenant?: string } {
  return tenant === undefined ? {} : { tenant };
}

function query(parameters: Readonly<Record<string, string | undefined>>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) given.set(name, value);
  }
  return `?${given.toString()}`;
}

async function listRules({ access, tenant, values }: RulesCall): Promise<number | AdminProblem> {
  const { version } = values;
  if (version !== undefined && version !== "draft" && !/^[1-9][0-9]{0,9}$/.test(version)) {
    throw new UsageError('--version wants "draft" or a number');
  }
  const set = await ask(access, "GET", `rule-set${query({ tenant })}`);
  if (!set.ok) return set.reason;
  const { active, draft }: RuleSetView = JSON.parse(set.value);
  if (!values.json) printNote(`version ${active} decides; changes go into version ${draft}`);
  for (let after: string | undefined; ;) {
    const limit = String(PAGE_RULES);
    const path = `rules${query({ tenant, version, after, limit })}`;
    const answer = await ask(access, "GET", path);
    if (!answer.ok) return answer.reason;
    const { rules }: RuleList = JSON.parse(answer.value);
    for (const rule of rules) printLine(JSON.stringify(rule));
    after = rules.at(-1)?.id;
    if (rules.length < PAGE_RULES || after === undefined) return EXIT.expected;
  }
}

async function putRules({ access, tenant, argument }: RulesCall): Promise<number | AdminProblem> {
  const rules = await readRules(argument);
  for (const { id, ...rule } of rules) {
    const body = { ...rule, ...scope(tenant) };
    const answer = await ask(access, "PUT", `rules/${id}`, body);
    if (!answer.ok) {
      printNote(`simlatch rules: rule ${id}`);
      return answer.reason;
    }
  }
  printLine(`${rules.length} in the draft`);
  return EXIT.expected;
}

/** Only the ids are looked at: what a rule may be, the platform knows. */
async function readRules(file: string): Promise<readonly Pick<BindingRule, "id">[]> {
  const source = file === "-" ? Bun.stdin : Bun.file(file);
  let read: unknown;
  try {
    read = await source.json();
  } catch {
    throw new UsageError(`${file} cannot be read as JSON`);
  }
  const rules: unknown[] = Array.isArray(read) ? read : [read];
  for (const rule of rules) {
    const id = typeof rule === "object" && rule !== null && "id" in rule ? rule.id : undefined;
    if (typeof id !== "string" || !RULE_ID_PATTERN.test(id)) {
      throw new UsageError("every rule wants an id: letters, digits, dot, hyphen, underscore");
    }
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- looked at, one by one
  return rules as readonly Pick<BindingRule, "id">[];
}

async function removeRule({ access, tenant, argument }: RulesCall): Promise<number | AdminProblem> {
  if (!RULE_ID_PATTERN.test(argument)) throw new UsageError("remove wants the id of a rule");
  const answer = await ask(access, "DELETE", `rules/${argument}${query({ tenant })}`);
  if (!answer.ok) return answer.reason;
  printLine(`${argument} is no more in the draft`);
  return EXIT.expected;
}

async function checkRules({ access, tenant, values }: RulesCall): Promise<number | AdminProblem> {
  const answer = await ask(access, "POST", "rule-set/check", scope(tenant));
  if (!answer.ok) return answer.reason;
  const { version, rules, findings }: RuleCheck = JSON.parse(answer.value);
  if (values.json) printLine(answer.value);
  else {
    for (const finding of findings) printLine(describeFinding(finding));
    printLine(`version ${version}: ${rules} rules, ${findings.length} findings`);
  }
  return findings.length === 0 ? EXIT.expected : EXIT.unexpected;
}

const FINDINGS: Readonly<Record<RuleFinding["finding"], string>> = {
  never_valid: "its validity is over, or ends before it begins",
  empty_range: "its IMSI range is empty",
  contradicts_itself: "its IMSI, range and operator fit no subscriber together",
  card_unknown: "no such card is registered",
  group_unknown: "no card is in this group",
  subscriber_unknown: "no such subscriber is registered",
  shadowed: "a rule of higher priority always comes before it",
  contradicted: "a rule of equal priority denies all that it allows",
  locks_out_everybody: "no rule can allow anybody: everybody is locked out",
};

function describeFinding({ finding, rule, by }: RuleFinding): string {
  const subject = rule === undefined ? "" : `rule ${rule}: `;
  return `${subject}${FINDINGS[finding]}${by === undefined ? "" : ` (${by})`}`;
}

async function dryRunRules({ access, tenant, values }: RulesCall): Promise<number | AdminProblem> {
  const bounds = Object.fromEntries(
    (["pairs", "bindings", "changes"] as const).flatMap((name) => {
      const text = values[name];
      if (text === undefined) return [];
      if (!COUNT_PATTERN.test(text)) throw new UsageError(`--${name} wants a number`);
      return [[name, Number(text)]];
    }),
  );
  const body: DryRunRequest = { ...scope(tenant), ...bounds };
  const answer = await ask(access, "POST", "rule-set/dry-run", body);
  if (!answer.ok) return answer.reason;
  const lines = answer.value.trimEnd().split("\n");
  let changed: number | undefined;
  for (const text of lines.filter((each) => each !== "")) {
    const line: DryRunLine = JSON.parse(text);
    printLine(values.json ? text : describeLine(line));
    if (line.kind === "summary") changed = line.pairs.changed + line.bindings.changed;
  }
  // A run that broke off has not looked at everything, and says nothing of the rest.
  if (changed === undefined) return "unavailable";
  return changed === 0 ? EXIT.expected : EXIT.unexpected;
}

function describeLine(line: DryRunLine): string {
  if (line.kind === "summary") {
    const { active, draft, pairs, bindings } = line;
    const counts = [
      describeCount("registered pairs", pairs),
      describeCount("past bindings", bindings),
    ];
    return `version ${draft} in place of ${active}: ${counts.join("; ")}`;
  }
  const { kind, card, imsi, session, before, after } = line;
  const which = session === undefined ? "" : ` session ${session}`;
  return `${kind} card ${card} IMSI ${imsi}${which}\n  ${before}\n  ${after}`;
}

function describeCount(what: string, { checked, changed, isPartial }: DryRunCount): string {
  return `${changed} of ${checked} ${what} would change${isPartial ? " (not all looked at)" : ""}`;
}

async function activateRules({
  access,
  tenant,
  values,
}: RulesCall): Promise<number | AdminProblem> {
  const { force, "keep-floor": keepsFloor, json } = values;
  const body: RuleActivationRequest = { ...scope(tenant), force, raiseFloor: !keepsFloor };
  return reportActivation(await ask(access, "POST", "rule-set/activate", body), json);
}

async function rollBackRules(call: RulesCall): Promise<number | AdminProblem> {
  const { access, tenant, argument, values } = call;
  if (!/^[1-9][0-9]{0,8}$/.test(argument)) throw new UsageError("rollback wants a version");
  const version = Number(argument);
  const body: RuleRollbackRequest = { ...scope(tenant), version, force: values.force };
  return reportActivation(await ask(access, "POST", "rule-set/rollback", body), values.json);
}

function reportActivation(
  answer: Awaited<ReturnType<typeof ask>>,
  json: boolean,
): number | AdminProblem {
  if (!answer.ok) return answer.reason;
  const { version, findings }: RuleActivationView = JSON.parse(answer.value);
  if (json) printLine(answer.value);
  else {
    for (const finding of findings) printLine(describeFinding(finding));
    printLine(`version ${version} decides`);
  }
  return EXIT.expected;
}
